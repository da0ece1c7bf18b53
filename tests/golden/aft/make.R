# Parametric survival curves by survreg on data that ship with the package, and on counts of a fixed scheme.
# Rscript make.R writes lung.csv, fits.csv and versions.txt into the folder it is run in.
library(survival)
lung <- survival::lung[, c("time", "status")]
units <- data.frame(duration_days = lung$time, observed = lung$status == 2)
write.csv(units, "lung.csv", row.names = FALSE)
veteran <- data.frame(duration_days = survival::veteran$time, observed = survival::veteran$status == 1)
write.csv(veteran, "veteran.csv", row.names = FALSE)
rows <- list()
for (name in c("lung", "veteran")) {
  data <- list(lung = units, veteran = veteran)[[name]]
  for (family in c("weibull", "lognormal", "loglogistic")) {
    fit <- survreg(Surv(duration_days, observed) ~ 1, data = data, dist = family, control = survreg.control(rel.tolerance = 1e-12, maxiter = 100))
    mu <- unname(coef(fit)); s <- fit$scale
    terms <- switch(family, weibull = c(exp(mu), 1 / s), lognormal = c(mu, s), loglogistic = c(exp(mu), 1 / s))
    # standard errors on R's own scale: of the intercept and of log(scale)
    rows[[length(rows) + 1]] <- data.frame(data = name, family = family, first = terms[1], second = terms[2], log_likelihood = fit$loglik[1],
      se_intercept = sqrt(fit$var[1, 1]), se_log_scale = sqrt(fit$var[2, 2]))
  }
}
out <- do.call(rbind, rows)
write.csv(format(out, digits = 12), "fits.csv", row.names = FALSE, quote = FALSE)
writeLines(c(R.version.string, paste("survival", packageVersion("survival"))), "versions.txt")
