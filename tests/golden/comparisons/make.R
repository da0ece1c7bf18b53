# Adjusted p values and Newcombe's intervals for the difference of two shares, from base R. Run: Rscript make.R
p <- c(0.0123, 0.2, 0.0011, 0.04, 0.04, 0.9, 0.013)
write.csv(data.frame(p = p, holm = p.adjust(p, "holm"), benjamini_hochberg = p.adjust(p, "BH")), "adjusted.csv", row.names = FALSE)

pairs <- data.frame(x1 = c(56, 9, 6, 5, 0, 10), n1 = c(70, 10, 7, 56, 10, 10), x2 = c(48, 3, 2, 0, 0, 0), n2 = c(80, 10, 7, 29, 10, 10))
wilson <- function(x, n) prop.test(x, n, correct = FALSE)$conf.int
rows <- lapply(seq_len(nrow(pairs)), function(i) with(pairs[i, ], {
  a <- wilson(x1, n1); b <- wilson(x2, n2); gap <- x1 / n1 - x2 / n2
  low <- gap - sqrt((x1 / n1 - a[1])^2 + (b[2] - x2 / n2)^2)
  high <- gap + sqrt((a[2] - x1 / n1)^2 + (x2 / n2 - b[1])^2)
  data.frame(x1, n1, x2, n2, estimate = gap, conf_low = low, conf_high = high)
}))
old <- options(digits = 17)
write.csv(format(do.call(rbind, rows), digits = 15), "shares.csv", row.names = FALSE, quote = FALSE)
writeLines(R.version.string, "versions.txt")
