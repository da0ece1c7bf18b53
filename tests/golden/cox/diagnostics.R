# Proportional-hazards score tests (cox.zph), scaled Schoenfeld residuals and concordance with standard errors on public data sets.
# Run inside this folder:  Rscript diagnostics.R
# Writes diagnostics_data.csv (all cases below each other: x1 ... are the covariates), diagnostics_beta.csv, diagnostics_zph.csv,
# diagnostics_residuals.csv, diagnostics_factor.csv (celltype as one), diagnostics_concordance.csv and diagnostics_versions.txt. rossi comes with carData.

library(survival)
library(carData)
options(digits = 15)
save_csv <- function(table, name) write.csv(table, name, row.names = FALSE, quote = FALSE, na = "")

rows <- function(case, enter, time, observed, x, stratum = 1, weight = 1, cluster = seq_along(time)) {
  x <- as.matrix(x)
  colnames(x) <- NULL
  wide <- matrix(NA_real_, nrow(x), 8)
  wide[, seq_len(ncol(x))] <- x
  colnames(wide) <- paste0("x", 1:8)
  whole <- data.frame(case, enter_days = enter, duration_days = time, observed = as.integer(observed), stratum = as.integer(factor(stratum)) - 1L, weight, cluster, wide)
  whole[complete.cases(x), ]
}
ecog <- lung[!is.na(lung$ph.ecog), ]
visits <- subset(pbc, !is.na(protime) & !is.na(edema))
set.seed(20261123)
drawn <- data.frame(enter = round(runif(120, 0, 3)), gone = round(rexp(120, .1)), a = rnorm(120), b = rbinom(120, 1, .4), s = rep(1:4, 30), w = round(runif(120, .2, 3), 2))
drawn$time <- drawn$enter + drawn$gone + 1
cases <- list(
  rows("lung", 0, ecog$time, ecog$status == 2, ecog[, c("age", "sex", "ph.ecog")]),
  rows("lung_strata_weights", 0, ecog$time, ecog$status == 2, ecog[, c("age", "ph.ecog")], stratum = ecog$sex, weight = 0.5 + (seq_len(nrow(ecog)) %% 5) / 2),
  rows("veteran", 0, veteran$time, veteran$status == 1, model.matrix(~ trt + celltype + karno, veteran)[, -1]),
  rows("veteran_months", 0, ceiling(veteran$time / 30), veteran$status == 1, model.matrix(~ trt + celltype + karno, veteran)[, -1], cluster = rep(1:40, length.out = nrow(veteran))),
  rows("heart", heart$start, heart$stop, heart$event == 1, cbind(heart$age, heart$year, heart$surgery, as.numeric(heart$transplant) - 1), cluster = heart$id),
  rows("heart_strata", heart$start, heart$stop, heart$event == 1, cbind(heart$age, heart$year), stratum = heart$surgery, weight = 1 + (seq_len(nrow(heart)) %% 3), cluster = heart$id),
  rows("rossi", 0, Rossi$week, Rossi$arrest == 1, model.matrix(~ fin + age + race + wexp + mar + paro + prio, Rossi)[, -1]),
  rows("pbc_age", round(visits$age * 365.25), round(visits$age * 365.25) + visits$time, visits$status == 2, cbind(visits$edema, log(visits$bili), log(visits$albumin), log(visits$protime))),
  rows("drawn", drawn$enter, drawn$time, seq_len(120) %% 3 > 0, drawn[, c("a", "b")], stratum = drawn$s, weight = drawn$w, cluster = rep(1:30, 4))
)
save_csv(do.call(rbind, cases), "diagnostics_data.csv")

fitted <- function(case, ties) {
  terms <- paste0("x", which(!is.na(case[1, paste0("x", 1:8)])))
  left <- if (any(case$enter_days > 0)) "Surv(enter_days, duration_days, observed)" else "Surv(duration_days, observed)"
  right <- paste(c(terms, if (length(unique(case$stratum)) > 1) "strata(stratum)"), collapse = " + ")
  coxph(as.formula(paste(left, "~", right)), data = case, weights = weight, ties = ties, x = TRUE, control = coxph.control(eps = 1e-13, iter.max = 50, toler.chol = 1e-14))
}
all_of <- function(one) do.call(rbind, unlist(lapply(cases, function(case) lapply(c("efron", "breslow"), function(ties) one(case, fitted(case, ties), data.frame(case = case$case[1], ties)))), recursive = FALSE))

save_csv(all_of(function(case, fit, key) data.frame(key, term = names(coef(fit)), beta = unname(coef(fit)), row.names = NULL)), "diagnostics_beta.csv")
save_csv(all_of(function(case, fit, key) do.call(rbind, lapply(c("km", "identity", "log", "rank"), function(g) {
  if (g == "log" && any(case$duration_days[case$observed == 1] == 0)) return(NULL)
  table <- cox.zph(fit, transform = g, terms = FALSE)$table
  data.frame(key, transform = g, term = rownames(table), statistic = table[, 1], df = table[, 2], p_value = table[, 3], row.names = NULL)
}))), "diagnostics_zph.csv")
save_csv(all_of(function(case, fit, key) {
  if (!(case$case[1] %in% c("lung_strata_weights", "veteran_months", "heart", "heart_strata", "drawn"))) return(NULL)
  zph <- cox.zph(fit, terms = FALSE)
  data.frame(key, time_days = rep(zph$time, ncol(zph$y)), term = rep(colnames(zph$y), each = nrow(zph$y)), residual = as.vector(zph$y), row.names = NULL)
}), "diagnostics_residuals.csv")

factor <- cox.zph(coxph(Surv(time, status) ~ trt + celltype + karno, veteran, control = coxph.control(eps = 1e-13, iter.max = 50)))$table
save_csv(data.frame(term = rownames(factor), statistic = factor[, 1], df = factor[, 2], p_value = factor[, 3]), "diagnostics_factor.csv")

# of the risk that the Efron fit gives: a higher one is expected to end sooner
save_csv(do.call(rbind, lapply(cases, function(case) {
  case$score <- round(predict(fitted(case, "efron"), type = "lp", reference = "zero"), 1) # rounded: ties
  left <- if (any(case$enter_days > 0)) "Surv(enter_days, duration_days, observed)" else "Surv(duration_days, observed)"
  right <- paste(c("score", if (length(unique(case$stratum)) > 1) "strata(stratum)"), collapse = " + ")
  model <- as.formula(paste(left, "~", right))
  alone <- concordance(model, data = case, weights = weight, reverse = TRUE)
  clustered <- concordance(model, data = case, weights = weight, reverse = TRUE, cluster = cluster)
  counts <- if (is.matrix(alone$count)) colSums(alone$count) else alone$count
  data.frame(case = case$case[1], estimate = alone$concordance, se = sqrt(alone$var), se_clustered = sqrt(clustered$var), pairs = sum(counts[1:3]), row.names = NULL)
})), "diagnostics_concordance.csv")
writeLines(c(R.version.string, paste("survival", packageVersion("survival")), paste("carData", packageVersion("carData"))), "diagnostics_versions.txt")
