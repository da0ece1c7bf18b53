# Golden values for survival curves and what is built on them, by R's survival package on its own public data sets.
# Run inside this folder:  Rscript make.R
# Writes the data (lung.csv, heart.csv, veteran.csv, veteran_grouped.csv, mgus2.csv), the results (curves.csv, at_times.csv, medians.csv,
# restricted_means.csv, logrank.csv, incidence.csv) and versions.txt.

library(survival)
options(digits = 15)
save_csv <- function(table, name) write.csv(table, name, row.names = FALSE, quote = FALSE, na = "")

# Data, brought into the columns of a durations table -----------------------------------------------------------------

lung_rows <- data.frame(duration_days = lung$time, observed = lung$status == 2, sex = lung$sex)
heart_rows <- data.frame(enter_days = heart$start, duration_days = heart$stop, observed = heart$event == 1,
                         transplant = as.integer(as.character(heart$transplant)))
veteran_rows <- data.frame(duration_days = veteran$time, observed = veteran$status == 1, trt = veteran$trt,
                           celltype = as.character(veteran$celltype))
# in months, so that there are many ties
mgus2_rows <- data.frame(duration_days = with(mgus2, ifelse(pstat == 1, ptime, futime)),
                         ended_by = with(mgus2, ifelse(pstat == 1, "progression", ifelse(death == 1, "death", ""))),
                         enter_days = NA, sex = as.character(mgus2$sex))
mgus2_rows$observed <- mgus2_rows$ended_by != ""
mgus2_rows$enter_days <- ifelse(seq_len(nrow(mgus2_rows)) %% 3 == 0, floor(mgus2_rows$duration_days / 4), 0)
# whole weeks and counts of equal rows
weeks <- transform(veteran_rows, duration_days = 7 * ceiling(duration_days / 7), count = 1L)
grouped_rows <- aggregate(count ~ duration_days + observed + trt, data = weeks, FUN = sum)

save_csv(lung_rows, "lung.csv")
save_csv(heart_rows, "heart.csv")
save_csv(veteran_rows, "veteran.csv")
save_csv(grouped_rows, "veteran_grouped.csv")
save_csv(mgus2_rows, "mgus2.csv")

# Curves: product limit, Greenwood, log-log limits --------------------------------------------------------------------

right <- Surv(duration_days, observed) ~ 1
truncated <- Surv(enter_days, duration_days, observed) ~ 1
cases <- list(
  list("lung", lung_rows, right, "", NULL),
  list("lung_by_sex", lung_rows, update(right, ~ sex), "sex", NULL),
  list("heart", heart_rows, truncated, "", NULL),
  list("heart_by_transplant", heart_rows, update(truncated, ~ transplant), "transplant", NULL),
  list("veteran_by_celltype", veteran_rows, update(right, ~ celltype), "celltype", NULL),
  list("veteran_grouped", grouped_rows, right, "", grouped_rows$count),
  list("veteran_grouped_by_trt", grouped_rows, update(right, ~ trt), "trt", grouped_rows$count)
)
fitted <- function(case, level = 0.95) {
  case_rows <- case[[2]]
  case_rows$weight <- if (is.null(case[[5]])) 1 else case[[5]]
  survfit(case[[3]], data = case_rows, weights = weight, conf.type = "log-log", conf.int = level)
}
strata_values <- function(fit, labels) {
  if (is.null(fit$strata)) return(rep("", length(fit$time)))
  rep(sub(".*=", "", trimws(names(fit$strata))), fit$strata)
}
curve <- function(case, level) {
  fit <- fitted(case, level)
  rows <- data.frame(case = case[[1]], key = case[[4]], conf_level = level, group = strata_values(fit), time_days = fit$time, n = fit$n.risk,
                     estimate = fit$surv, conf_low = fit$lower, conf_high = fit$upper)
  rows[fit$n.event > 0, ]
}
curves <- do.call(rbind, c(lapply(cases, curve, 0.95), lapply(cases, curve, 0.8)))
save_csv(curves, "curves.csv")

at_times <- function(case, times) {
  s <- summary(fitted(case), times = times)
  group <- if (is.null(s$strata)) "" else sub(".*=", "", trimws(as.character(s$strata)))
  data.frame(case = case[[1]], key = case[[4]], group = group, time_days = s$time, n = s$n.risk, estimate = s$surv,
             conf_low = s$lower, conf_high = s$upper)
}
save_csv(do.call(rbind, lapply(cases, at_times, c(30, 90.5, 180, 365, 999))), "at_times.csv")

# Medians, restricted means, log-rank tests -----------------------------------------------------------------------------

medians <- function(case) {
  q <- quantile(fitted(case), probs = 0.5)
  group <- if (is.null(dim(q$quantile))) "" else sub(".*=", "", trimws(rownames(q$quantile)))
  data.frame(case = case[[1]], key = case[[4]], group = group, estimate = as.vector(q$quantile), conf_low = as.vector(q$lower),
             conf_high = as.vector(q$upper))
}
save_csv(do.call(rbind, lapply(cases, medians)), "medians.csv")

restricted <- function(case, horizon) {
  table <- summary(fitted(case), rmean = horizon)$table
  table <- if (is.null(dim(table))) t(table) else table
  group <- if (nrow(table) == 1) "" else sub(".*=", "", trimws(rownames(table)))
  data.frame(case = case[[1]], key = case[[4]], group = group, horizon_days = horizon, estimate = table[, "rmean"], std_error = table[, "se(rmean)"])
}
save_csv(do.call(rbind, c(lapply(cases, restricted, 365), lapply(cases, restricted, 100))), "restricted_means.csv")

grouped_units <- grouped_rows[rep(seq_len(nrow(grouped_rows)), grouped_rows$count), ]
tests <- list(
  list("lung", "sex", "", survdiff(Surv(duration_days, observed) ~ sex, data = lung_rows)),
  list("veteran", "celltype", "", survdiff(Surv(duration_days, observed) ~ celltype, data = veteran_rows)),
  list("veteran", "celltype", "trt", survdiff(Surv(duration_days, observed) ~ celltype + strata(trt), data = veteran_rows)),
  list("veteran_grouped", "trt", "", survdiff(Surv(duration_days, observed) ~ trt, data = grouped_units))
)
logrank <- do.call(rbind, lapply(tests, function(t) {
  df <- length(t[[4]]$n) - 1
  data.frame(case = t[[1]], by = t[[2]], strata = t[[3]], statistic = t[[4]]$chisq, df = df, p_value = pchisq(t[[4]]$chisq, df, lower.tail = FALSE))
}))
# survdiff knows no left truncation; the score test of a Cox model with one two-valued covariate is the log-rank test when there are no ties
truncated_test <- coxph(Surv(enter_days, duration_days, observed) ~ transplant, data = heart_rows, ties = "exact")
logrank <- rbind(logrank, data.frame(case = "heart", by = "transplant", strata = "", statistic = truncated_test$score, df = 1,
                                     p_value = pchisq(truncated_test$score, 1, lower.tail = FALSE)))
save_csv(logrank, "logrank.csv")

# Cumulative incidence (Aalen-Johansen) ---------------------------------------------------------------------------------

mgus2_rows$event <- factor(ifelse(mgus2_rows$observed, mgus2_rows$ended_by, "censored"), levels = c("censored", "death", "progression"))
incidence <- function(name, formula) {
  fit <- survfit(formula, data = mgus2_rows, conf.type = "log-log", id = seq_len(nrow(mgus2_rows)))
  group <- strata_values(fit)
  do.call(rbind, lapply(which(fit$states != "(s0)"), function(k) {
    rows <- data.frame(case = name, group = group, ended_by = fit$states[k], time_days = fit$time, n = fit$n.risk[, 1], ends = fit$n.event[, k],
                       estimate = fit$pstate[, k], std_error = fit$std.err[, k], conf_low = fit$lower[, k], conf_high = fit$upper[, k])
    rows[rows$ends > 0, ]
  }))
}
save_csv(rbind(incidence("mgus2", Surv(duration_days, event) ~ 1), incidence("mgus2_by_sex", Surv(duration_days, event) ~ sex),
               incidence("mgus2_truncated", Surv(enter_days, duration_days, event) ~ 1)), "incidence.csv")

writeLines(capture.output(sessionInfo()), "versions.txt")
