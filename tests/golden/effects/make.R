# Expected values for overlap weights and matched pairs: glm for the chances, a stacked estimating equation whose slope is taken by central differences for the
# limits, pairs from the list of all distances, and `survey` for the limits of the pairs. Run: Rscript make.R (in this folder)
suppressPackageStartupMessages(library(survey))
RNGversion("4.2.0"); set.seed(20261123)

accounts <- 220; rows <- 3 * accounts
account <- rep(seq_len(accounts), each = 3); own <- rnorm(accounts, 0, 0.7)[account]
use <- round(rexp(rows, 1 / 9), 3); revenue <- round(exp(rnorm(rows, 6, 1)), 2); large <- rbinom(rows, 1, 0.3); tenure <- round(runif(rows, 0, 900))
treated <- rbinom(rows, 1, plogis(-1.9 + 0.08 * use + 0.6 * large - 0.0005 * tenure))
days <- round(4 + 0.6 * use + 2 * large + 1.5 * treated + 3 * own + rnorm(rows, 0, 3), 3)
stayed <- rbinom(rows, 1, plogis(0.3 + 0.05 * use + 0.5 * large + 0.4 * treated + own))
data <- data.frame(account, treated, use, revenue, large, tenure, days, stayed)
write.csv(data, "trials.csv", row.names = FALSE)

x <- cbind(1, scale(cbind(use, revenue, large, tenure)))
fit <- glm(treated ~ x - 1, family = binomial, control = list(epsilon = 1e-14, maxit = 100))
e <- fitted(fit)

scores <- function(theta, y) {
  beta <- theta[1:5]; p <- plogis(drop(x %*% beta))
  cbind(x * (treated - p), treated * (1 - p) * (y - theta[6]), (1 - treated) * p * (y - theta[7]))
}
stacked <- function(y) {
  means <- c(weighted.mean(y[treated == 1], (1 - e)[treated == 1]), weighted.mean(y[treated == 0], e[treated == 0]))
  theta <- c(coef(fit), means)
  slope <- sapply(seq_along(theta), function(k) {
    step <- 1e-5 * max(1, abs(theta[k])); up <- down <- theta; up[k] <- up[k] + step; down[k] <- down[k] - step
    (colSums(scores(up, y)) - colSums(scores(down, y))) / (2 * step)
  })
  sums <- rowsum(scores(theta, y), account)
  variance <- solve(slope) %*% crossprod(sums) %*% t(solve(slope)) * accounts / (accounts - 1)
  along <- c(rep(0, 5), 1, -1)
  c(means, means[1] - means[2], sqrt(drop(along %*% variance %*% along)))
}

odds <- qlogis(e); mine <- which(treated == 1); others <- which(treated == 0)
apart <- abs(outer(odds[mine], odds[others], "-")); furthest <- 0.2 * sqrt(mean((odds - mean(odds))^2))
order <- order(apart); pairs <- matrix(0, 0, 2); used_mine <- used_others <- c()
for (at in order) {
  if (apart[at] > furthest) break
  i <- (at - 1) %% length(mine) + 1; j <- (at - 1) %/% length(mine) + 1
  if (i %in% used_mine || j %in% used_others) next
  used_mine <- c(used_mine, i); used_others <- c(used_others, j); pairs <- rbind(pairs, c(mine[i], others[j]))
}
group <- seq_len(accounts)
for (row in seq_len(nrow(pairs))) { both <- group[account[pairs[row, ]]]; group[group %in% both] <- min(both) }
paired <- function(y) {
  away <- data.frame(value = y[pairs[, 1]] - y[pairs[, 2]], group = group[account[pairs[, 1]]])
  found <- svymean(~value, svydesign(ids = ~group, weights = ~1, data = away))
  c(mean(y[pairs[, 1]]), mean(y[pairs[, 2]]), coef(found), SE(found))
}

expected <- rbind(data.frame(method = "overlap", outcome = c("days", "stayed"), rbind(stacked(days), stacked(stayed))),
                  setNames(data.frame("match", c("days", "stayed"), rbind(paired(days), paired(stayed))), c("method", "outcome", paste0("X", 1:4))))
names(expected) <- c("method", "outcome", "treated", "compared", "estimate", "error")
expected[3:6] <- lapply(expected[3:6], function(v) sprintf("%.12g", v))
write.csv(expected, "contrasts.csv", row.names = FALSE, quote = FALSE)
write.csv(data.frame(chance = sprintf("%.12g", e)), "chances.csv", row.names = FALSE, quote = FALSE)
write.csv(data.frame(treated = pairs[, 1] - 1, compared = pairs[, 2] - 1), "pairs.csv", row.names = FALSE, quote = FALSE)
writeLines(c(R.version.string, paste("survey", packageVersion("survey"))), "versions.txt")
