# Golden values for the edges of survival curves and what is built on them: counts, many ties, fractional days, strata with empty cells,
# groups of one unit, nobody or everybody ended, late entries that meet ends or come when nobody is left, ways to end under left truncation.
# Run inside this folder:  Rscript edges.R
# Writes the data (edges.csv: all cases below each other), edges_curves.csv, edges_medians.csv, edges_means.csv, edges_logrank.csv,
# edges_incidence.csv and edges_versions.txt. survival makes all but the variances in edges_incidence.csv, which etm makes.

library(survival)
library(etm)
options(digits = 15)
save_csv <- function(table, name) write.csv(table, name, row.names = FALSE, quote = FALSE, na = "")
rows <- function(case, enter, time, observed, group, stratum = "", ended_by = "", count = 1L) {
  data.frame(case, enter_days = enter, duration_days = time, observed, ended_by = ifelse(observed, ended_by, ""), group = as.character(group),
             stratum = as.character(stratum), count)
}

# Data ------------------------------------------------------------------------------------------------------------------

seen <- lung[!is.na(lung$ph.ecog), ]
lung_months <- rows("lung_months", 0, round(seen$time / 30.4375, 3), seen$status == 2, seen$ph.ecog, seen$sex) # one unit has ph.ecog 3
deaths <- colon[colon$etype == 2, ]
colon_units <- rows("colon_counts", 0, ceiling(deaths$time / 30), deaths$status == 1, as.character(deaths$rx), paste0("nodes ", pmin(deaths$nodes, 12)))
colon_counts <- aggregate(count ~ case + enter_days + duration_days + observed + ended_by + group + stratum, data = colon_units, FUN = sum)
ovarian_units <- rows("ovarian", 0, ovarian$futime, ovarian$fustat == 1, ovarian$rx, paste(ovarian$resid.ds, ovarian$ecog.ps))
period <- cut(myeloma$year, c(-Inf, quantile(myeloma$year, c(1, 2) / 3), Inf), labels = c("early", "middle", "late"))
quarters <- rows("myeloma_quarters", floor(myeloma$entry / 90), ceiling(myeloma$futime / 90), myeloma$death == 1, as.character(period))
quarters <- aggregate(count ~ ., data = quarters[quarters$enter_days < quarters$duration_days, ], FUN = sum)
# ties broken, so that the score test of a Cox model is the log-rank test
stanford <- rows("stanford", heart$start, heart$stop + rank(heart$stop, ties.method = "first") / 1e4, heart$event == 1, as.character(heart$transplant), heart$surgery)
years <- rows("pbc_years", 0, ceiling(pbc$time / 365.25), pbc$status > 0, ifelse(is.na(pbc$trt), "none", pbc$trt),
              ended_by = c("", "transplant", "death")[pbc$status + 1])
years <- aggregate(count ~ ., data = years, FUN = sum)
months <- with(mgus2, rows("mgus2_late", 0, ifelse(pstat == 1, ptime, futime), pstat == 1 | death == 1, as.character(sex),
                           ended_by = ifelse(pstat == 1, "progression", "death")))
turn <- seq_len(nrow(months))
months$enter_days <- ifelse(turn %% 2 == 0, floor(months$duration_days * (turn %% 7) / 8), 0)
months <- aggregate(count ~ ., data = months[months$duration_days > months$enter_days, ], FUN = sum)
shape <- function(group, enter, time, observed) rows("shapes", enter, time, observed == 1, group)
shapes <- rbind(
  shape("all_censored", 0, c(3, 5, 5, 9), 0),
  shape("all_ended", 0, c(1, 1, 2, 4, 4, 4, 7), 1),
  shape("one_ended", 0, 6, 1),
  shape("one_censored", 0, 6, 0),
  shape("entry_on_ends", c(0, 0, 0, 3, 3, 5, 5, 5), c(3, 3, 5, 5, 8, 8, 9, 12), c(1, 0, 1, 1, 1, 0, 1, 0)),
  shape("nobody_for_a_while", c(0, 0, 4, 4, 6), c(2, 3, 7, 8, 9), c(1, 0, 1, 0, 1)),
  shape("zero_before_others_enter", c(0, 4, 4, 6), c(2, 7, 8, 9), c(1, 1, 0, 1)),
  shape("all_late", c(2, 2, 2, 3.5, 3.5), c(4, 6.25, 6.25, 9, 9.5), c(1, 1, 0, 1, 0)),
  shape("half_to_the_end", 0, c(1, 2, 3, 4), c(1, 1, 0, 0)),
  shape("last_ends_and_censorings", 0, c(1, 4, 4, 4), c(1, 1, 0, 1)),
  shape("rounded", 0, c(.1, .2, .3, .1 + .2, .4, .7, .1 * 7), c(1, 1, 1, 1, 0, 1, 1)),
  shape("at_zero", 0, c(0, 0, 1, 2, 2), c(1, 0, 1, 1, 0))
)
cases <- list(lung_months, colon_counts, ovarian_units, quarters, stanford, years, months, shapes)
save_csv(do.call(rbind, lapply(cases, function(case) case[names(lung_months)])), "edges.csv")

# Curves, medians, restricted means of every group ------------------------------------------------------------------------

groups <- unlist(lapply(cases, function(case) unname(split(case, case$group))), recursive = FALSE)
fitted <- function(part) {
  formula <- if (any(part$enter_days > 0)) Surv(enter_days, duration_days, observed) ~ 1 else Surv(duration_days, observed) ~ 1
  survfit(formula, data = part, weights = count, conf.type = "log-log")
}
labels <- function(part) part[1, c("case", "group")]
curve <- function(part) {
  fit <- fitted(part)
  ends <- fit$n.event > 0
  if (!any(ends)) return(NULL)
  data.frame(labels(part), time_days = fit$time, n = fit$n.risk, estimate = fit$surv, conf_low = fit$lower, conf_high = fit$upper, row.names = NULL)[ends, ]
}
median_row <- function(part) {
  # the two ways of survival differ: quantile() misreads a lower limit that rises under left truncation, print() takes the beginning and not
  # the middle of a curve that stays at one half to its end
  fit <- fitted(part)
  table <- summary(fit)$table
  data.frame(labels(part), estimate = unname(quantile(fit, probs = 0.5, conf.int = FALSE)), conf_low = table["0.95LCL"], conf_high = table["0.95UCL"], row.names = NULL)
}
mean_rows <- function(part) {
  last <- max(part$duration_days)
  fit <- fitted(part)
  do.call(rbind, lapply(c(round(last * c(.3, .6), 2), last), function(horizon) {
    if (horizon < min(fit$time)) return(NULL)
    table <- summary(fit, rmean = horizon)$table
    data.frame(labels(part), horizon_days = horizon, estimate = table["rmean"], std_error = table["se(rmean)"])
  }))
}
save_csv(do.call(rbind, lapply(groups, curve)), "edges_curves.csv")
save_csv(do.call(rbind, lapply(groups, median_row)), "edges_medians.csv")
save_csv(do.call(rbind, lapply(groups, mean_rows)), "edges_means.csv")

# Log-rank tests -----------------------------------------------------------------------------------------------------------

logrank <- function(case, strata) {
  units <- case[rep(seq_len(nrow(case)), case$count), ]
  test <- survdiff(if (strata) Surv(duration_days, observed) ~ group + strata(stratum) else Surv(duration_days, observed) ~ group, data = units)
  data.frame(case = case$case[1], strata = if (strata) "stratum" else "", statistic = test$chisq, df = length(test$n) - 1)
}
score <- function(case, strata) {
  formula <- if (strata) Surv(enter_days, duration_days, observed) ~ group + strata(stratum) else Surv(enter_days, duration_days, observed) ~ group
  fit <- coxph(formula, data = case, ties = "breslow")
  data.frame(case = case$case[1], strata = if (strata) "stratum" else "", statistic = fit$score, df = length(coef(fit)))
}
save_csv(rbind(logrank(lung_months, FALSE), logrank(lung_months, TRUE), logrank(colon_counts, FALSE), logrank(colon_counts, TRUE),
               logrank(ovarian_units, FALSE), logrank(ovarian_units, TRUE), logrank(years, FALSE), score(stanford, FALSE), score(stanford, TRUE)),
         "edges_logrank.csv")

# Cumulative incidence with its variance under left truncation -----------------------------------------------------------

incidence <- function(case) {
  units <- case[rep(seq_len(nrow(case)), case$count), ]
  ways <- sort(unique(units$ended_by[units$observed]))
  fit <- etmCIF(Surv(enter_days, duration_days, observed) ~ 1, data = units, etype = ifelse(units$observed, units$ended_by, "0"), failcode = ways[1])
  found <- summary(fit)[[1]]
  do.call(rbind, lapply(ways, function(way) {
    table <- found[[grep(way, names(found))]]
    table <- table[table$time %in% units$duration_days[units$ended_by == way], ]
    data.frame(labels(case), ended_by = way, time_days = table$time, estimate = table$P, std_error = sqrt(table$var), row.names = NULL)
  }))
}
save_csv(do.call(rbind, lapply(c(unname(split(years, years$group)), unname(split(months, months$group))), incidence)), "edges_incidence.csv")

writeLines(capture.output(sessionInfo()), "edges_versions.txt")
