# Golden values for simultaneous confidence bands, by R's km.ci package on public data sets of the survival package, and values of the
# published tables of critical values that km.ci carries as data (Klein and Moeschberger 2003, tables C.3 and C.4).
# Run inside this folder:  Rscript make.R
# Reads lung.csv, veteran.csv and heart.csv in ../survival; writes bands.csv, critical_values.csv and versions.txt.

library(survival)
library(km.ci)
options(digits = 15)
save_csv <- function(table, name) write.csv(table, name, row.names = FALSE, quote = FALSE, na = "")

# Bands -----------------------------------------------------------------------------------------------------------------

# km.ci interpolates its tables and does not give away the critical value it used: note it on the way
used <- NA
note <- function(name, argument) {
  original <- getFromNamespace(name, "km.ci")
  noted <- function(...) {
    used <<- list(...)[[argument]]
    original(...)
  }
  assignInNamespace(name, noted, "km.ci")
}
note("abweich.fun", 2)
note("abweich.nair.fun", 2)

lung_rows <- read.csv("../survival/lung.csv")
veteran_rows <- read.csv("../survival/veteran.csv")
heart_rows <- read.csv("../survival/heart.csv")
right <- Surv(duration_days, observed) ~ 1
cases <- list(
  list("lung", lung_rows, right, NA, NA),
  list("lung_between", lung_rows, right, 100, 600),
  list("lung_men", subset(lung_rows, sex == 1), right, NA, NA),
  list("veteran", veteran_rows, right, NA, NA),
  list("veteran_adeno", subset(veteran_rows, celltype == "adeno"), right, NA, NA),
  list("veteran_between", veteran_rows, right, 30, 365),
  list("heart", heart_rows, Surv(enter_days, duration_days, observed) ~ 1, NA, NA)
)
band <- function(case, method, level) {
  fit <- survfit(case[[3]], data = case[[2]])
  # km.ci lists every time, those of censorings too, between the steps in force at both ends of the stretch
  found <- km.ci(fit, conf.level = level, tl = case[[4]], tu = case[[5]], method = method)
  odds <- fit$n * range(found$std.err)^2  # a / (1 - a) at the start and the end of the stretch; survfit's error is that of log S
  rows <- data.frame(case = case[[1]], method = c(logep = "equal_precision", loghall = "hall_wellner")[[method]], conf_level = level,
                     low = case[[4]], high = case[[5]], critical_value = used, odds_low = odds[1], odds_high = odds[2], time_days = found$time,
                     n = found$n.risk, estimate = found$surv, conf_low = found$lower, conf_high = found$upper)
  rows[found$n.event > 0, ]
}
settings <- expand.grid(case = seq_along(cases), method = c("logep", "loghall"), level = c(0.95, 0.9), stringsAsFactors = FALSE)
bands <- do.call(rbind, Map(function(i, method, level) band(cases[[i]], method, level), settings$case, settings$method, settings$level))
save_csv(bands, "bands.csv")

# Critical values -------------------------------------------------------------------------------------------------------

# columns are the start 0.00, 0.02 ... 0.60 of the stretch (table C.3: from 0.02), rows its end 0.10, 0.12 ...; a sample is kept
sampled <- function(name, method, level, first_start) {
  table <- getFromNamespace(name, "km.ci")
  cells <- expand.grid(row = seq_len(nrow(table)), column = seq_len(ncol(table)))
  cells <- data.frame(method = method, conf_level = level, low = round(first_start + 0.02 * (cells$column - 1), 2),
                      high = round(0.1 + 0.02 * (cells$row - 1), 2), critical_value = table[cbind(cells$row, cells$column)])
  starts <- c(0, 0.02, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
  ends <- c(0.1, 0.14, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.98, 1)
  subset(cells, low %in% starts & high %in% ends & low < high & !is.na(critical_value))
}
critical_values <- rbind(
  sampled("critical.value.hall.90", "hall_wellner", 0.9, 0), sampled("critical.value.hall.95", "hall_wellner", 0.95, 0),
  sampled("critical.value.hall.99", "hall_wellner", 0.99, 0), sampled("critical.value.nair.90", "equal_precision", 0.9, 0.02),
  sampled("critical.value.nair.95", "equal_precision", 0.95, 0.02)
)
save_csv(critical_values, "critical_values.csv")

writeLines(capture.output(sessionInfo()), "versions.txt")
