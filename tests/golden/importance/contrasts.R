# Penalties and rewards in one regression, with cluster-robust errors (G / (G - 1) x (n - 1) / (n - k)) made by hand from lm().
# Rscript contrasts.R (in this folder) writes ratings.csv and contrasts.csv.
set.seed(20261123)
n <- 300
account <- sample(60, n, replace = TRUE)
shared <- rnorm(60)[account]
rate <- function(x) pmin(pmax(round(x), 1), 5)
speed <- rate(3.5 + 0.6 * shared + rnorm(n))
price <- rate(3.2 + 0.4 * shared + rnorm(n))
overall <- rate(3.5 - 1.2 * (speed <= 2) + 0.2 * (speed == 5) - 0.2 * (price <= 2) + 0.9 * (price == 5) + 0.3 * shared + 0.6 * rnorm(n))
rows <- data.frame(account, speed, price, overall)
write.csv(rows, "ratings.csv", row.names = FALSE, quote = FALSE)
fit <- lm(overall ~ I(speed <= 2) + I(speed == 5) + I(price <= 2) + I(price == 5), rows)
x <- model.matrix(fit)
sums <- rowsum(x * resid(fit), account)
bread <- solve(crossprod(x))
groups <- nrow(sums)
covariance <- bread %*% crossprod(sums) %*% bread * groups / (groups - 1) * (n - 1) / (n - ncol(x))
pick <- function(w) c(sum(w * coef(fit)), sqrt(sum(w * (covariance %*% w))))
wanted <- rbind(pick(c(0, 1, 0, 0, 0)), pick(c(0, 0, 0, 1, 0)), pick(c(0, 0, 1, 0, 0)), pick(c(0, 0, 0, 0, 1)), pick(c(0, 1, 1, 0, 0)), pick(c(0, 0, 0, 1, 1)))
half <- qt(0.975, groups - 1) * wanted[, 2]
out <- data.frame(metric = rep(c("penalty", "reward", "penalty_reward"), each = 2), driver = c("speed", "price"),
                  estimate = wanted[, 1], conf_low = wanted[, 1] - half, conf_high = wanted[, 1] + half,
                  n = c(sum(speed <= 2), sum(price <= 2), sum(speed == 5), sum(price == 5), n, n))
write.csv(format(out, digits = 15), "contrasts.csv", row.names = FALSE, quote = FALSE)
