# Cox regressions (coxph): coefficients, both covariances, likelihoods, residuals, baseline hazards and predicted survival.
# Run inside this folder, after diagnostics.R, whose data it reads:  Rscript fits.R
# Writes fits_coefficients.csv, fits_residuals.csv, fits_baseline.csv, fits_survival.csv and fits_versions.txt.

library(survival)
options(digits = 15)
save_csv <- function(table, name) write.csv(table, name, row.names = FALSE, quote = FALSE, na = "")

data <- read.csv("diagnostics_data.csv")
cases <- split(data, factor(data$case, unique(data$case)))
exact <- coxph.control(eps = 1e-13, iter.max = 50, toler.chol = 1e-14)
strata_of <- function(case) length(unique(case$stratum)) > 1
late <- function(case) any(case$enter_days > 0)
terms_of <- function(case) paste0("x", which(!is.na(case[1, paste0("x", 1:8)])))

fitted <- function(case, ties, robust) {
  left <- if (late(case)) "Surv(enter_days, duration_days, observed)" else "Surv(duration_days, observed)"
  model <- as.formula(paste(left, "~", paste(c(terms_of(case), if (strata_of(case)) "strata(stratum)"), collapse = " + ")))
  if (robust) coxph(model, data = case, weights = weight, cluster = cluster, ties = ties, x = TRUE, control = exact)
  else coxph(model, data = case, weights = weight, robust = FALSE, ties = ties, x = TRUE, control = exact)
}
all_of <- function(one, names = names(cases)) {
  grid <- expand.grid(robust = c(FALSE, TRUE), ties = c("efron", "breslow"), case = names, stringsAsFactors = FALSE)
  do.call(rbind, lapply(seq_len(nrow(grid)), function(i) {
    case <- cases[[grid$case[i]]]
    one(case, fitted(case, grid$ties[i], grid$robust[i]), grid[i, c("case", "ties", "robust")])
  }))
}

save_csv(all_of(function(case, fit, key) data.frame(
  key, term = names(coef(fit)), beta = unname(coef(fit)), se = sqrt(diag(vcov(fit))), covariance_with_first = vcov(fit)[, 1],
  null_log_likelihood = fit$loglik[1], log_likelihood = fit$loglik[2], ends = fit$nevent, row.names = NULL
), names(cases)), "fits_coefficients.csv")

save_csv(all_of(function(case, fit, key) {
  if (key$robust) return(NULL)
  score <- as.matrix(residuals(fit, type = "score")); dfbeta <- as.matrix(residuals(fit, type = "dfbeta", weighted = TRUE))
  data.frame(key[c("case", "ties")], row = rep(seq_len(nrow(case)) - 1, ncol(score)), term = rep(terms_of(case), each = nrow(case)), score = as.vector(score), dfbeta = as.vector(dfbeta), row.names = NULL)
}, c("heart", "heart_strata", "veteran_months", "drawn")), "fits_residuals.csv")

# at covariates of 0, so that hazard = baseline x exp(x beta); limits symmetric for the logarithm of the cumulative hazard are those of log-log
zero <- function(case, stratum) as.data.frame(c(setNames(as.list(rep(0, length(terms_of(case)))), terms_of(case)), list(stratum = stratum)))
save_csv(all_of(function(case, fit, key) do.call(rbind, lapply(sort(unique(case$stratum)), function(stratum) {
  curve <- survfit(fit, newdata = zero(case, stratum), conf.type = "log-log")
  ended <- curve$n.event > 0
  data.frame(key, stratum, time_days = curve$time[ended], hazard = curve$cumhaz[ended], se = curve$std.err[ended], n = curve$n.risk[ended], row.names = NULL)
})), c("lung_strata_weights", "veteran_months", "heart", "drawn", "pbc_age")), "fits_baseline.csv")

# the rows 1, 11 and 21 of each case at quartiles of the times at which somebody ends
save_csv(all_of(function(case, fit, key) do.call(rbind, lapply(c(1, 11, 21), function(row) {
  stratum <- case$stratum[row]
  times <- unique(quantile(case$duration_days[case$observed == 1 & case$stratum == stratum], c(.25, .5, .75), type = 1))
  found <- summary(survfit(fit, newdata = case[row, ], conf.type = "log-log"), times = times)
  data.frame(key, row = row - 1, time_days = times, survival = as.vector(found$surv), low = as.vector(found$lower), high = as.vector(found$upper), row.names = NULL)
})), names(cases)), "fits_survival.csv")
writeLines(c(R.version.string, paste("survival", packageVersion("survival"))), "fits_versions.txt")
