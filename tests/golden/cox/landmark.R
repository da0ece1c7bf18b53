# Score tests of a step at a landmark, and hazard ratios among those still there after it, of the case "lung" in diagnostics_data.csv.
# Rscript landmark.R (in this folder) writes landmark.csv; versions as in diagnostics_versions.txt.
library(survival)
lung <- subset(read.csv("diagnostics_data.csv"), case == "lung")
rows <- list()
for (day in c(120, 180, 365)) {
  fit <- coxph(Surv(duration_days, observed) ~ x1 + x2 + x3, lung)
  test <- cox.zph(fit, transform = function(t) as.numeric(t > day))
  later <- transform(subset(lung, duration_days > day), enter_days = day)
  late <- coxph(Surv(enter_days, duration_days, observed) ~ x1 + x2 + x3, later)
  rows[[length(rows) + 1]] <- data.frame(day = day, term = names(coef(fit)), p_value = test$table[1:3, "p"], hazard_ratio = exp(coef(late)))
}
write.csv(format(do.call(rbind, rows), digits = 15), "landmark.csv", row.names = FALSE, quote = FALSE)
