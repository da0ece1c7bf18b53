# Rank correlations under heavy ties, their jackknife errors, and one-sided t tests against a margin.
# Rscript correlation.R (in this folder) writes rows.csv, correlation.csv, equivalence.csv and versions.txt.
set.seed(20261123)
n <- 150
share <- sample(c(0, 0.5, 1), n, replace = TRUE, prob = c(0.3, 0.2, 0.5))
rows <- data.frame(share = share, reached = as.integer(share == 1), score = pmin(pmax(round(7 + 1.5 * share + rnorm(n, 0, 2)), 0), 10), free = rnorm(n) + share)
write.csv(format(rows, digits = 17, trim = TRUE), "rows.csv", row.names = FALSE, quote = FALSE)
rows <- read.csv("rows.csv")
found <- data.frame()
for (method in c("spearman", "kendall")) for (x in c("share", "reached")) for (y in c("score", "free")) {
  of <- function(keep) cor(rows[[x]][keep], rows[[y]][keep], method = method)
  left_out <- sapply(seq_len(n), function(row) of(-row))
  test <- suppressWarnings(cor.test(rows[[x]], rows[[y]], method = method, exact = FALSE))
  found <- rbind(found, data.frame(method = method, x = x, y = y, estimate = unname(test$estimate), jackknife = sqrt((n - 1)^2 / n * var(left_out))))
}
write.csv(format(found, digits = 15), "correlation.csv", row.names = FALSE, quote = FALSE)
first <- rows$free[rows$reached == 1]
second <- rows$free[rows$reached == 0]
tests <- data.frame()
for (margin in c(0.5, 1, 1.5)) for (pooled in c(TRUE, FALSE)) tests <- rbind(tests, data.frame(
  margin = margin, pooled = pooled,
  above = t.test(first, second, mu = -margin, alternative = "greater", var.equal = pooled)$p.value,
  below = t.test(first, second, mu = margin, alternative = "less", var.equal = pooled)$p.value))
write.csv(format(tests, digits = 15), "equivalence.csv", row.names = FALSE, quote = FALSE)
writeLines(R.version.string, "versions.txt")
