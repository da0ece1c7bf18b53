# Lorenz curve, Gini coefficient and Herfindahl index of three samples, written out as the package ineq defines them (plain and with the factor n / (n - 1)),
# the Gini once more as a mean over all pairs, its jackknife error, and the least number of units for 80 % by adding up.
# Rscript concentration.R (in this folder) writes concentration.csv and versions.txt.
plain <- function(x) { x <- sort(x); n <- length(x); 2 * sum(x * seq_len(n)) / (n * sum(x)) - (n + 1) / n }
pairs <- function(x) { n <- length(x); sum(abs(outer(x, x, "-"))) / (n * (n - 1)) / (2 * mean(x)) }
needed <- function(x, share) { total <- 0; k <- 0; for (one in sort(x, decreasing = TRUE)) { if (total >= share * sum(x)) break; total <- total + one; k <- k + 1 }; k }
lorenz <- function(x, p) approx(c(0, seq_along(x)) / length(x), c(0, cumsum(sort(x))) / sum(x), xout = p)$y
set.seed(35)
samples <- list(ten = c(541, 1463, 2445, 3438, 4437, 5401, 6392, 8304, 11904, 22261), small = c(1, 3, 2, 1, 1, 1, 4), drawn = round(rlnorm(80, 4, 1.2), 2))
found <- data.frame()
for (name in names(samples)) {
  x <- samples[[name]]
  n <- length(x)
  left_out <- sapply(seq_len(n), function(row) pairs(x[-row]))
  found <- rbind(found, data.frame(sample = name, values = paste(format(x, digits = 15, trim = TRUE), collapse = " "), plain = plain(x), corrected = plain(x) * n / (n - 1),
    pairs = pairs(x), jackknife = sqrt((n - 1)^2 / n * var(left_out)), herfindahl = sum((x / sum(x))^2), needed = needed(x, 0.8), lorenz_half = lorenz(x, 0.5),
    lorenz_ninety = lorenz(x, 0.9)))
}
write.csv(format(found, digits = 15), "concentration.csv", row.names = FALSE, quote = FALSE)
writeLines(R.version.string, "versions.txt")
