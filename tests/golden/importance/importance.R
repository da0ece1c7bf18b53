# Parts of R squared averaged over every order of the regressors, with lm() for each subset; Johnson's weights from eigen(); the same averages of
# McKelvey and Zavoina's R squared from MASS::polr(method = "probit"). Data that ship with R.
# Rscript importance.R (in this folder) writes importance.csv, latent.csv, the data it used, and versions.txt.
library(MASS)
orders <- function(v) if (length(v) < 2) list(v) else do.call(c, lapply(v, function(first) lapply(orders(setdiff(v, first)), function(rest) c(first, rest))))
averaged <- function(names, worth) {
  known <- new.env()
  of <- function(set) {
    key <- paste(c("0", sort(set)), collapse = "+")
    if (is.null(known[[key]])) known[[key]] <- worth(set)
    known[[key]]
  }
  total <- setNames(numeric(length(names)), names)
  all <- orders(names)
  for (order in all) for (place in seq_along(order)) {
    before <- order[seq_len(place - 1)]
    total[order[place]] <- total[order[place]] + of(c(before, order[place])) - of(before)
  }
  total / length(all)
}
johnson <- function(x, y) {
  e <- eigen(cor(x))
  root <- e$vectors %*% diag(sqrt(e$values)) %*% t(e$vectors)
  beta <- solve(root) %*% cor(x, y)
  setNames(as.vector(root^2 %*% beta^2), colnames(x))
}
data_sets <- list(swiss = list(swiss, "Fertility"), attitude = list(attitude, "rating"), LifeCycleSavings = list(LifeCycleSavings, "sr"),
                  mtcars = list(mtcars[c("mpg", "cyl", "disp", "hp", "gear")], "mpg"))
found <- data.frame()
for (name in names(data_sets)) {
  table <- data_sets[[name]][[1]]
  outcome <- data_sets[[name]][[2]]
  drivers <- setdiff(names(table), outcome)
  worth <- function(set) if (length(set)) summary(lm(reformulate(set, outcome), table))$r.squared else 0
  lmg <- averaged(drivers, worth)
  weights <- johnson(as.matrix(table[drivers]), table[[outcome]])
  found <- rbind(found, data.frame(data = name, outcome = outcome, driver = drivers, lmg = lmg[drivers], johnson = weights[drivers], r_squared = worth(drivers)))
  write.csv(format(table, digits = 15, trim = TRUE), paste0(name, ".csv"), row.names = FALSE, quote = FALSE)
}
write.csv(format(found, digits = 15), "importance.csv", row.names = FALSE, quote = FALSE)

cut_attitude <- transform(attitude, rating = cut(rating, c(0, 55, 62, 68, 75, 100), labels = FALSE))
housing_rows <- housing[rep(seq_len(nrow(housing)), housing$Freq), ]
housing_rows <- data.frame(sat = as.integer(housing_rows$Sat), infl = as.integer(housing_rows$Infl), cont = as.integer(housing_rows$Cont),
                           tower = as.integer(housing_rows$Type == "Tower"))
latent_sets <- list(cut_attitude = list(cut_attitude[c("rating", "complaints", "learning", "raises", "critical")], "rating"), housing = list(housing_rows, "sat"))
latent <- data.frame()
for (name in names(latent_sets)) {
  table <- latent_sets[[name]][[1]]
  outcome <- latent_sets[[name]][[2]]
  drivers <- setdiff(names(table), outcome)
  model <- polr(reformulate(drivers, sprintf("factor(%s)", outcome)), table, method = "probit", control = list(reltol = 1e-14, maxit = 1000))
  s <- cov(table[drivers]) * (nrow(table) - 1) / nrow(table)
  shared <- s %*% coef(model)
  variance <- sum(coef(model) * shared) + 1
  worth <- function(set) if (length(set)) sum(shared[set, ] * solve(s[set, set, drop = FALSE], shared[set, ])) / variance else 0
  parts <- averaged(drivers, worth)
  latent <- rbind(latent, data.frame(data = name, outcome = outcome, driver = drivers, lmg = parts[drivers], r_squared = 1 - 1 / variance))
  write.csv(table, paste0(name, ".csv"), row.names = FALSE, quote = FALSE)
}
write.csv(format(latent, digits = 15), "latent.csv", row.names = FALSE, quote = FALSE)
writeLines(c(R.version.string, paste("MASS", packageVersion("MASS"))), "versions.txt")
