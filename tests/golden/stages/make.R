# Kaplan-Meier estimates with robust (infinitesimal jackknife) standard errors by cluster, from survival. Run: Rscript make.R
library(survival)
set.seed(11)
n <- 240
account <- sample(1:40, n, replace = TRUE)
pace <- rgamma(40, 2, 2)[account]
end <- rexp(n, 0.04 * pace)
watched <- runif(n, 5, 60)
units <- data.frame(account, segment = ifelse(account %% 3 == 0, "x", "y"),
                    duration_days = round(pmin(end, watched), 1), observed = end <= watched)
write.csv(units, "units.csv", row.names = FALSE)

rows <- list()
add <- function(case, fit, times) {
  found <- summary(fit, times = times, extend = FALSE)
  strata <- if (is.null(found$strata)) "" else sub("^[^=]*=", "", as.character(found$strata))
  rows[[length(rows) + 1]] <<- data.frame(case, group = strata, horizon_days = found$time, share = 1 - found$surv, std_error = found$std.err)
}
days <- c(7, 14, 30)
add("units", survfit(Surv(duration_days, observed) ~ 1, units, robust = TRUE, id = seq_len(n)), days)
add("clusters", survfit(Surv(duration_days, observed) ~ 1, units, cluster = account, id = seq_len(n)), days)
add("clusters_by_segment", survfit(Surv(duration_days, observed) ~ segment, units, cluster = account, id = seq_len(n)), days)
heart <- subset(heart, stop > start)
add("heart", survfit(Surv(start, stop, event) ~ transplant, heart, cluster = id), c(50, 100, 365))
names(heart)[names(heart) %in% c("start", "stop", "event")] <- c("enter_days", "duration_days", "observed")
write.csv(heart[c("id", "transplant", "enter_days", "duration_days", "observed")], "heart.csv", row.names = FALSE)
options(digits = 15)
write.csv(do.call(rbind, rows), "shares.csv", row.names = FALSE)
writeLines(c(R.version.string, paste("survival", packageVersion("survival"))), "versions.txt")
