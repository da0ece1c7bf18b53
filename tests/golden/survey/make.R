# Weighted means of the schools of California in the package's data `api`, and the weights, by postStratify, rake and calibrate.
# Rscript make.R (in this folder) writes schools.csv (the samples), weights.csv, means.csv and versions.txt.
suppressMessages(library(survey))
options(survey.replicates.mse = TRUE)
data(api)
exact <- list(maxit = 5000, epsilon = 1e-13, verbose = FALSE)
by <- function(name) { table <- as.data.frame(table(apipop[[name]])); names(table) <- c(name, "Freq"); table }
both <- as.data.frame(table(stype = apipop$stype, sch.wide = apipop$sch.wide))
samples <- list(clus1 = apiclus1, strat = apistrat)
designs <- list(
  clus1 = svydesign(id = ~dnum, weights = ~pw, data = apiclus1),
  strat = svydesign(id = ~1, strata = ~stype, weights = ~pw, data = apistrat)
)
margins <- list(clus1 = c("stype", "sch.wide"), strat = c("stype", "awards"))
steps <- function(design, name) {
  m <- margins[[name]]
  list(
    one = postStratify(design, reformulate(m[2]), by(m[2])),
    two = postStratify(design, reformulate(m), as.data.frame(table(apipop[, m]))),
    rake = rake(design, list(reformulate(m[1]), reformulate(m[2])), list(by(m[1]), by(m[2])), control = exact)
  )
}
weights <- list()
means <- list()
for (name in names(designs)) {
  design <- designs[[name]]
  replicated <- as.svrepdesign(design, type = if (name == "clus1") "JK1" else "JKn")
  plain <- list(none = design)
  found <- steps(design, name)
  again <- c(list(none = replicated), steps(replicated, name))
  m <- margins[[name]]
  totals <- colSums(model.matrix(reformulate(m), apipop))
  found$calibrate <- calibrate(design, reformulate(m), totals, calfun = "raking", epsilon = 1e-12, maxit = 200)
  found <- c(plain, found)
  for (kind in names(found)) {
    weights[[length(weights) + 1]] <- data.frame(sample = name, kind = kind, row = seq_len(nrow(design)), weight = weights(found[[kind]]))
    for (variable in c("api00", "enroll", "yes")) {
      score <- if (variable == "yes") ~as.numeric(yr.rnd == "Yes") else reformulate(variable)
      linear <- svymean(score, found[[kind]])
      jackknife <- if (kind == "calibrate") NA else as.numeric(SE(svymean(score, again[[kind]])))
      means[[length(means) + 1]] <- data.frame(sample = name, kind = kind, variable = variable, mean = as.numeric(coef(linear)), linear = as.numeric(SE(linear)), jackknife = jackknife)
    }
  }
  trim <- trimWeights(found$two, upper = 1.1 * mean(weights(found$two)), strict = TRUE)
  weights[[length(weights) + 1]] <- data.frame(sample = name, kind = "trimmed", row = seq_len(nrow(design)), weight = weights(trim))
}
schools <- do.call(rbind, lapply(names(samples), function(name) {
  s <- samples[[name]]
  data.frame(sample = name, row = seq_len(nrow(s)), dnum = s$dnum, pw = s$pw, stype = s$stype, sch.wide = s$sch.wide, awards = s$awards,
             api00 = s$api00, enroll = s$enroll, yes = as.numeric(s$yr.rnd == "Yes"))
}))
population <- as.data.frame(table(stype = apipop$stype, sch.wide = apipop$sch.wide, awards = apipop$awards))
save <- function(table, file) write.csv(format(table, digits = 15, trim = TRUE), file, row.names = FALSE, quote = FALSE)
save(schools, "schools.csv"); save(do.call(rbind, weights), "weights.csv"); save(do.call(rbind, means), "means.csv"); save(population, "population.csv")
writeLines(c(R.version.string, paste("survey", packageVersion("survey"))), "versions.txt")
