# Maximum likelihood of the shifted-beta-geometric and beta-discrete-Weibull models with R's optim, written from their definitions:
# every customer who left at renewal t adds log(S(t-1) - S(t)), every one still there after the last renewal log S(T).
# Rscript optim.R > optim.csv
options(digits = 12)
series <- list(
  regular = list(c(1000, 631, 468, 382, 326, 289, 262, 241)),
  high_end = list(c(1000, 869, 743, 653, 593, 551, 517, 491)),
  high_end_5 = list(c(1000, 869, 743, 653, 593)),
  cohorts = list(c(400, 310, 262, 230, 205, 188), c(350, 275, 228, 201), c(500, 401, 345), c(120, 90)),
  large = list(c(10000000, 8000000, 6900000, 6150000, 5600000, 5170000))
)
log_s <- function(p, t) lbeta(p[1], p[2] + t^p[3]) - lbeta(p[1], p[2])
log_likelihood <- function(p, cohorts) {
  total <- 0
  for (n in cohorts) {
    last <- length(n) - 1
    s <- exp(log_s(p, 0:last))
    total <- total + sum(-diff(n) * log(-diff(s))) + n[last + 1] * log_s(p, last)
  }
  total
}
fit <- function(cohorts, model) {
  whole <- function(q) c(exp(q), if (model == "sbg") 1)
  size <- sum(sapply(cohorts, function(n) n[1]))
  loss <- function(q) -log_likelihood(whole(q), cohorts) / size
  best <- NULL
  for (first in list(c(0, 0, 0), c(-1, 1, 0.4), c(1, 1, -0.4))) {
    q <- first[seq_len(if (model == "sbg") 2 else 3)]
    for (round in 1:6) q <- optim(q, loss, method = "Nelder-Mead", control = list(reltol = 1e-15, maxit = 5000))$par
    found <- optim(q, loss, method = "BFGS", control = list(reltol = 1e-16, maxit = 1000))
    if (is.null(best) || found$value < best$value) best <- found
  }
  error <- sqrt(diag(solve(optimHess(best$par, loss, control = list(ndeps = rep(1e-4, length(best$par))))) / size))
  p <- whole(best$par)
  list(p = p, error = error, ll = -best$value * size)
}
cat("series,model,term,estimate,log_error,log_likelihood,del,lifetime_20\n")
for (name in names(series)) for (model in c("sbg", "bdw")) {
  f <- fit(series[[name]], model)
  t <- 0:2000
  del <- sum(exp(log_s(f$p, t)) / 1.1^t)
  life <- sum(exp(log_s(f$p, 0:19)))
  for (i in seq_along(f$error)) {
    cat(name, model, c("alpha", "beta", "c")[i], f$p[i], f$error[i], f$ll, del, life, sep = ","); cat("\n")
  }
}
