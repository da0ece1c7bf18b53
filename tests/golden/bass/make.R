# Golden values for the Bass model of the public series in series.csv (as printed in Srinivasan and Mason 1986 and Van den Bulte and Lilien
# 1997, and, for video recorders, in the usual teaching example). Run inside this folder:  Rscript make.R
# Least squares by stats::nls (algorithm "port") from many starts, limits by profile() and confint() of the same fit, maximum likelihood by
# optim() on the Poisson log-likelihood, the regression of 1969 by lm() and polyroot(). `before` = periods cut off at the start.
# Writes nls.csv, ml.csv, ols.csv and versions.txt.

library(MASS)
options(digits = 15)
save_csv <- function(table, name) write.csv(table, name, row.names = FALSE, quote = FALSE)
series <- read.csv("series.csv")
share <- function(t, p, q) (1 - exp(-(p + q) * t)) / (1 + q / p * exp(-(p + q) * t))

starts <- expand.grid(p = c(0.0005, 0.003, 0.01, 0.03), q = c(0.2, 0.4, 0.7), m = c(1, 1.3, 2))
least_squares <- function(data) {
  best <- NULL
  for (i in seq_len(nrow(starts))) {
    start <- list(p = starts$p[i], q = starts$q[i], m = starts$m[i] * sum(data$y))
    fit <- try(nls(y ~ m * (share(t, p, q) - share(t - 1, p, q)), data, start, algorithm = "port", lower = c(1e-8, 1e-8, 1e-8),
                   control = nls.control(maxiter = 500, tol = 1e-12, warnOnly = TRUE)), silent = TRUE)
    if (!inherits(fit, "try-error") && (is.null(best) || deviance(fit) < deviance(best))) best <- fit
  }
  best
}
likelihood <- function(data) {
  loss <- function(x) {
    mean <- exp(x[3]) * (share(data$t, exp(x[1]), exp(x[2])) - share(data$t - 1, exp(x[1]), exp(x[2])))
    if (any(!is.finite(mean)) || any(mean <= 0)) 1e10 else -sum(dpois(data$y, mean, log = TRUE))
  }
  fits <- lapply(seq_len(nrow(starts)), function(i) {
    first <- optim(log(c(starts$p[i], starts$q[i], starts$m[i] * sum(data$y))), loss, control = list(maxit = 5000, reltol = 1e-15))
    optim(first$par, loss, control = list(maxit = 5000, reltol = 1e-16))
  })
  fits[[which.min(vapply(fits, `[[`, 0, "value"))]]
}
ordinary <- function(data) {
  earlier <- cumsum(c(0, head(data$y, -1)))
  k <- coef(lm(data$y ~ earlier + I(earlier^2)))
  roots <- polyroot(k)
  m <- max(Re(roots[abs(Im(roots)) < 1e-6]))
  c(p = unname(k[1] / m), q = unname(-k[3] * m), m = m)
}

one <- function(name, before) {
  data <- data.frame(y = series$adopters[series$series == name])
  data$t <- seq_along(data$y)
  data <- data[data$t > before, ]
  head <- data.frame(series = name, before = before, term = c("p", "q", "m"))
  fit <- least_squares(data)
  again <- nls(formula(fit), data, as.list(coef(fit)), control = nls.control(maxiter = 500, tol = 1e-7, warnOnly = TRUE))
  limits <- try(suppressMessages(confint(again)), silent = TRUE)
  if (inherits(limits, "try-error")) limits <- matrix(NA, 3, 2)
  squares <- data.frame(head, estimate = coef(fit), standard_error = sqrt(diag(vcov(fit))), conf_low = limits[, 1], conf_high = limits[, 2],
                        squared_error = deviance(fit), log_likelihood = as.numeric(logLik(fit)))
  counts <- NULL
  if (all(data$y %% 1 == 0)) {
    found <- likelihood(data)
    counts <- data.frame(head, estimate = exp(found$par), log_likelihood = -found$value)
  }
  lines <- if (before == 0) data.frame(head, estimate = unname(ordinary(data)))
  list(squares, counts, lines)
}

cases <- rbind(data.frame(name = unique(series$series), before = 0), data.frame(name = c("room_air_conditioners", "clothes_dryers", "mammography"), before = 3))
found <- Map(one, cases$name, cases$before)
for (k in 1:3) save_csv(do.call(rbind, lapply(found, `[[`, k)), c("nls.csv", "ml.csv", "ols.csv")[k])
writeLines(capture.output(sessionInfo()), "versions.txt")
