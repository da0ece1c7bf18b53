# Accelerated failure time models by survreg on data that ship with the package.
# Rscript make.R writes lung.csv, rossi.csv, fits.csv, predictions.csv and versions.txt into the folder it is run in.
# rossi.csv is the recidivism table of Rossi, Berk and Lenihan (1980), weeks to arrest, as lifelines 0.30.3 ships it.
library(survival)
lung <- na.omit(survival::lung[, c("time", "status", "age", "sex", "ph.ecog")])
lung <- data.frame(duration_days = lung$time, observed = lung$status == 2, age = lung$age, sex = lung$sex, ecog = lung$ph.ecog)
veteran <- survival::veteran
veteran <- data.frame(duration_days = veteran$time, observed = veteran$status == 1, karno = veteran$karno, trt = veteran$trt, cell = as.character(veteran$celltype))
rossi <- read.csv("rossi.csv")
formulas <- list(lung = ~ age + sex + ecog, veteran = ~ karno + trt + cell, rossi = ~ fin + age + race + wexp + mar + paro + prio)
write.csv(lung, "lung.csv", row.names = FALSE, quote = FALSE)
write.csv(veteran, "veteran.csv", row.names = FALSE, quote = FALSE)
terms <- list(); likes <- list(); curves <- list()
for (name in names(formulas)) {
  data <- list(lung = lung, veteran = veteran, rossi = rossi)[[name]]
  data$w <- 1 + (seq_len(nrow(data)) %% 3)
  for (family in c("weibull", "lognormal", "loglogistic")) for (weighted in c(FALSE, TRUE)) {
    data$use <- if (weighted) data$w else 1
    fit <- survreg(update(formulas[[name]], Surv(duration_days, observed) ~ .), data = data, weights = use, dist = family,
      control = survreg.control(rel.tolerance = 1e-13, maxiter = 200))
    se <- sqrt(diag(fit$var))
    robust <- sqrt(diag(survreg(update(formulas[[name]], Surv(duration_days, observed) ~ .), data = data, weights = use, dist = family,
      robust = TRUE, control = survreg.control(rel.tolerance = 1e-13, maxiter = 200))$var))
    key <- data.frame(data = name, family = family, weighted = weighted)
    terms[[length(terms) + 1]] <- cbind(key, data.frame(term = c(names(coef(fit)), "log_scale"), estimate = c(coef(fit), log(fit$scale)), se = se, robust = robust))
    likes[[length(likes) + 1]] <- cbind(key, log_likelihood = fit$loglik[2])
    if (!weighted) {
      p <- c(0.1, 0.5, 0.9)
      at <- predict(fit, newdata = data[1:2, ], type = "quantile", p = p)
      curves[[length(curves) + 1]] <- cbind(key, data.frame(row = rep(0:1, each = 3), time_days = as.vector(t(at)), survival = rep(1 - p, 2)))
    }
  }
}
for (part in c("terms", "likes", "curves")) write.csv(format(do.call(rbind, get(part)), digits = 12), paste0(part, ".csv"), row.names = FALSE, quote = FALSE)
writeLines(c(R.version.string, paste("survival", packageVersion("survival"))), "versions.txt")
