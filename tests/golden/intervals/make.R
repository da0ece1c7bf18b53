# Golden values for intervals of shares and rates, by R's own prop.test and poisson.test, and for variances with clustered units, by the
# clubSandwich package (bias-reduced linearisation, CR2). Run inside this folder:  Rscript make.R
# Writes shares.csv, rates.csv, clusters.csv (the data), clustered_variances.csv and versions.txt.

library(clubSandwich)
options(digits = 15)
save_csv <- function(table, name) write.csv(table, name, row.names = FALSE, quote = FALSE)

shares <- expand.grid(n = c(1, 2, 5, 10, 29, 100, 12345), part = c(0, 0.1, 0.5, 0.8, 1), conf_level = c(0.9, 0.95, 0.99))
shares$successes <- round(shares$n * shares$part)
limits <- mapply(function(x, n, level) suppressWarnings(prop.test(x, n, conf.level = level, correct = FALSE)$conf.int),
                 shares$successes, shares$n, shares$conf_level)
save_csv(data.frame(shares[c("successes", "n", "conf_level")], conf_low = limits[1, ], conf_high = limits[2, ]), "shares.csv")

rates <- expand.grid(occurrences = c(0, 1, 2, 3, 10, 100, 5000), exposure = c(0.5, 1, 365), conf_level = c(0.9, 0.95))
limits <- mapply(function(x, time, level) poisson.test(x, time, conf.level = level)$conf.int, rates$occurrences, rates$exposure, rates$conf_level)
save_csv(data.frame(rates, conf_low = limits[1, ], conf_high = limits[2, ]), "rates.csv")

set.seed(20261031)
clusters <- data.frame(cluster = seq_len(25), size = 1 + rpois(25, 6))
clusters$plus <- rbinom(25, clusters$size, rbeta(25, 2, 3))
clusters$minus <- rbinom(25, clusters$size - clusters$plus, 0.4)
save_csv(clusters, "clusters.csv")

units <- clusters[rep(seq_len(25), clusters$size), ]
place <- sequence(clusters$size)
units$share <- as.numeric(place <= units$plus)
units$net <- units$share - as.numeric(place > units$plus & place <= units$plus + units$minus)
variance <- function(values) {
  fit <- lm(values ~ 1)
  clustered <- vcovCR(fit, cluster = units$cluster, type = "CR2")
  c(mean = unname(coef(fit)), clustered = clustered[1, 1], plain = vcov(fit)[1, 1], freedom = coef_test(fit, clustered)$df)
}
save_csv(data.frame(quantity = c("share", "net"), rbind(variance(units$share), variance(units$net))), "clustered_variances.csv")

writeLines(capture.output(sessionInfo()), "versions.txt")
