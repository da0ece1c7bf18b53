# Makes fit.csv and customers.csv from spend.csv with a gamma-gamma likelihood written for R alone and R's own optimiser.
# Rscript make.R, in this folder. spend.csv: frequency (repeat purchases) and mean_value of the CDNOW sample, first 39 weeks.
spend <- read.csv("spend.csv")
again <- spend[spend$frequency > 0, ]
minus <- function(log_terms) {
  p <- exp(log_terms[1]); q <- exp(log_terms[2]); v <- exp(log_terms[3])
  x <- again$frequency; m <- again$mean_value
  -sum(lgamma(p * x + q) - lgamma(p * x) - lgamma(q) + q * log(v) + (p * x - 1) * log(m) + p * x * log(x) - (p * x + q) * log(v + m * x))
}
best <- optim(c(1, 1, 2), minus, method = "BFGS", hessian = FALSE, control = list(reltol = 1e-15, maxit = 1000))
best <- nlm(minus, best$par, hessian = TRUE, gradtol = 1e-10, steptol = 1e-12, iterlim = 500)
errors <- sqrt(diag(solve(best$hessian)))
write.csv(data.frame(term = c("p", "q", "v"), estimate = exp(best$estimate), log_error = errors, log_likelihood = -best$minimum),
          "fit.csv", row.names = FALSE)
p <- exp(best$estimate[1]); q <- exp(best$estimate[2]); v <- exp(best$estimate[3])
some <- spend[1:50, ]
some$expected <- p * (v + some$mean_value * some$frequency) / (p * some$frequency + q - 1)
write.csv(some, "customers.csv", row.names = FALSE)
