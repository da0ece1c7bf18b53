# Areas under the curve, their variances and that of a paired difference (DeLong), with ties.
# Rscript auc.R (in this folder) writes rows.csv, auc.csv and versions.txt.
suppressMessages(library(pROC))
set.seed(20261123)
n <- 120
y <- rbinom(n, 1, 0.3)
rows <- data.frame(y = y, a = round(y + rnorm(n), 1), b = round(0.4 * y + rnorm(n), 1), c = rpois(n, 1 + y))
write.csv(rows, "rows.csv", row.names = FALSE)
curve <- function(name) roc(rows$y, rows[[name]], direction = "<", levels = c(0, 1), quiet = TRUE)
found <- data.frame()
for (name in c("a", "b", "c")) found <- rbind(found, data.frame(what = name, auc = as.numeric(auc(curve(name))), variance = var(curve(name))))
for (pair in list(c("a", "b"), c("a", "c"))) {
  one <- curve(pair[1]); other <- curve(pair[2])
  gap <- var(one) + var(other) - 2 * cov(one, other)
  found <- rbind(found, data.frame(what = paste(pair, collapse = "-"), auc = as.numeric(auc(one) - auc(other)), variance = gap))
}
write.csv(format(found, digits = 15), "auc.csv", row.names = FALSE, quote = FALSE)
writeLines(c(R.version.string, paste("pROC", packageVersion("pROC"))), "versions.txt")
