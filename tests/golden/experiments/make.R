# Sizes, effects and their errors as R gives them. Run in this folder: Rscript make.R
suppressMessages(library(survey))

value <- function(figure, value) data.frame(figure = figure, value = value)

# Accounts a group: power.prop.test and power.t.test, both two-sided; the smallest effect of 250 a group.
sizes <- rbind(
  value("share .50 to .60", power.prop.test(p1 = .50, p2 = .60, power = .8)$n),
  value("share .90 to .93, power .9, level .99", power.prop.test(p1 = .90, p2 = .93, power = .9, sig.level = .01)$n),
  value("mean effect 1, sd 3", power.t.test(delta = 1, sd = 3, power = .8, tol = 1e-10)$n),
  value("mean effect 2, sd 1.5, power .9", power.t.test(delta = 2, sd = 1.5, power = .9, tol = 1e-10)$n),
  value("share above .50 found by 250", power.prop.test(n = 250, p1 = .50, power = .8, tol = 1e-12)$p2 - .50),
  value("mean found by 250, sd 3", power.t.test(n = 250, sd = 3, power = .8, tol = 1e-12)$delta)
)

# Welch's test of the plain difference (sleep: extra hours, group 2 less group 1).
welch <- t.test(extra ~ group, data = transform(sleep, group = factor(group, levels = c(2, 1))))
plain <- rbind(
  value("sleep effect", unname(-diff(welch$estimate))), value("sleep low", welch$conf.int[1]), value("sleep high", welch$conf.int[2]),
  value("sleep p", welch$p.value), value("sleep df", unname(welch$parameter))
)

# Lin's regression adjustment, HC2, with the part for who might have come instead (mtcars: miles a gallon, manual less automatic, adjusted for weight and power).
cars <- within(mtcars, { w <- wt - mean(wt); h <- hp - mean(hp) })
fit <- lm(mpg ~ am * (w + h), data = cars)
X <- model.matrix(fit)
bread <- solve(crossprod(X))
meat <- crossprod(X * (residuals(fit) / sqrt(1 - hatvalues(fit))))
gaps <- as.matrix(cars[, c("w", "h")]) %*% coef(fit)[c("am:w", "am:h")]
error <- sqrt((bread %*% meat %*% bread)["am", "am"] + sum(gaps^2) / nrow(cars)^2)
adjusted <- rbind(value("mtcars effect", unname(coef(fit)["am"])), value("mtcars error", error))

# Clusters of one size: chicks weighed twelve times, diet 2 less diet 1.
full <- names(which(table(ChickWeight$Chick) == 12))
chicks <- subset(as.data.frame(ChickWeight), Chick %in% full & Diet %in% c(1, 2))
chicks$Chick <- as.character(chicks$Chick)
design <- svydesign(ids = ~Chick, strata = ~Diet, weights = ~1, data = chicks)
means <- svyby(~weight, ~Diet, subset(design, Diet %in% c(1, 2)), svymean)
clustered <- rbind(value("chicks effect", means$weight[2] - means$weight[1]), value("chicks error", sqrt(sum(SE(means)^2))))

checks <- rbind(value("chi-square 600 to 500", chisq.test(c(600, 500))$p.value), value("chi-square 30, 50, 90 as 1:2:3", chisq.test(c(30, 50, 90), p = 1:3 / 6)$p.value))

write.csv(rbind(sizes, plain, adjusted, clustered, checks), "expected.csv", row.names = FALSE)
write.csv(sleep[, c("extra", "group")], "sleep.csv", row.names = FALSE)
write.csv(cars[, c("mpg", "am", "wt", "hp")], "cars.csv", row.names = FALSE)
write.csv(chicks[, c("weight", "Chick", "Diet")], "chicks.csv", row.names = FALSE)
writeLines(c(R.version.string, paste("survey", packageVersion("survey"))), "versions.txt")
