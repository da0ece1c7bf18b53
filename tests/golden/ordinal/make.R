# Proportional-odds models of public data by ordinal::clm, MASS::polr and, for Brant's test, one glm a cut.
# Rscript make.R (in this folder) writes data.csv, coefficients.csv, covariance.csv, tests.csv, probabilities.csv and versions.txt.
suppressMessages({library(ordinal); library(MASS)})
data(wine); data(housing)
exact <- clm.control(gradTol = 1e-12, maxIter = 200)
cases <- list(
  wine = list(data = data.frame(y = as.integer(wine$rating), tempwarm = as.numeric(wine$temp == "warm"), contactyes = as.numeric(wine$contact == "yes"),
                                weight = 1, cluster = as.integer(wine$judge)), x = c("tempwarm", "contactyes")),
  housing = list(data = data.frame(y = as.integer(housing$Sat), InflMedium = as.numeric(housing$Infl == "Medium"), InflHigh = as.numeric(housing$Infl == "High"),
                                   TypeApartment = as.numeric(housing$Type == "Apartment"), TypeAtrium = as.numeric(housing$Type == "Atrium"),
                                   TypeTerrace = as.numeric(housing$Type == "Terrace"), ContHigh = as.numeric(housing$Cont == "High"),
                                   weight = housing$Freq, cluster = seq_len(nrow(housing))),
                 x = c("InflMedium", "InflHigh", "TypeApartment", "TypeAtrium", "TypeTerrace", "ContHigh"))
)
rows <- list(); coefficients <- list(); covariances <- list(); tests <- list(); probabilities <- list()
brant <- function(case, x) {  # Brant (1990): stacked binary logits, their covariance under independence of rows
  d <- case$data[rep(seq_len(nrow(case$data)), case$data$weight), ]
  X <- cbind(1, as.matrix(d[x])); cuts <- sort(unique(d$y)); cuts <- cuts[-length(cuts)]; p <- length(x)
  fits <- lapply(cuts, function(cut) glm.fit(X, as.numeric(d$y > cut), family = binomial(), control = list(epsilon = 1e-14, maxit = 100)))
  pi <- sapply(fits, function(fit) fit$fitted.values); beta <- unlist(lapply(fits, function(fit) fit$coefficients[-1]))
  V <- matrix(0, length(cuts) * p, length(cuts) * p)
  gram <- function(w) crossprod(X, X * w)
  for (j in seq_along(cuts)) for (k in j:length(cuts)) {
    block <- (solve(gram(pi[, j] * (1 - pi[, j]))) %*% gram(pi[, k] - pi[, j] * pi[, k]) %*% solve(gram(pi[, k] * (1 - pi[, k]))))[-1, -1]
    at <- function(m) ((m - 1) * p + 1):(m * p)
    V[at(j), at(k)] <- block; V[at(k), at(j)] <- t(block)
  }
  test <- function(which) {
    D <- NULL
    for (k in 2:length(cuts)) for (m in which) { row <- numeric(length(beta)); row[m] <- 1; row[(k - 1) * p + m] <- -1; D <- rbind(D, row) }
    gap <- D %*% beta
    c(as.numeric(t(gap) %*% solve(D %*% V %*% t(D)) %*% gap), nrow(D))
  }
  found <- rbind(test(seq_len(p)), t(sapply(seq_len(p), test)))
  data.frame(term = c("(all)", x), statistic = found[, 1], df = found[, 2])
}
cases$wine_joined <- cases$wine  # in three categories every cut has answers of all kinds on both sides
cases$wine_joined$data$y <- pmin(pmax(cases$wine$data$y, 2), 4) - 1
for (name in names(cases)) {
  case <- cases[[name]]; d <- case$data; x <- case$x; d$ordered <- factor(d$y, ordered = TRUE)
  own <- cbind(case = name, row = seq_len(nrow(d)), d[c("y", "weight", "cluster")])
  rows[[name]] <- cbind(reshape(cbind(own, d[x]), direction = "long", varying = x, v.names = "value", timevar = "term", times = x, idvar = "row"), row.names = NULL)
  formula <- reformulate(x, "ordered")
  for (link in c("logit", "probit")) {
    fit <- clm(formula, data = d, weights = weight, link = link, control = exact)
    again <- polr(formula, data = d, weights = weight, method = if (link == "logit") "logistic" else "probit", Hess = TRUE, control = list(reltol = 1e-15, maxit = 5000))
    polr_of <- c(again$zeta, coef(again))
    coefficients[[paste(name, link)]] <- data.frame(case = name, link = link, term = names(coef(fit)), clm = coef(fit), se = sqrt(diag(vcov(fit))),
                                                    polr = polr_of, log_likelihood = as.numeric(logLik(fit)))
    covariances[[paste(name, link)]] <- data.frame(case = name, link = link, first = rep(names(coef(fit)), each = length(coef(fit))),
                                                   second = names(coef(fit)), covariance = as.numeric(vcov(fit)))
    shares <- predict(fit, newdata = unique(d[x]), type = "prob", se.fit = TRUE)
    probabilities[[paste(name, link)]] <- data.frame(case = name, link = link, combination = as.integer(row(shares$fit)), category = as.integer(col(shares$fit)),
                                                     share = as.numeric(shares$fit), se = as.numeric(shares$se.fit))
    if (name == "wine") next  # some cuts of the five ratings are separated: no test of proportional odds
    one <- function(nominal) { more <- clm(formula, nominal = nominal, data = d, weights = weight, link = link, control = exact); c(2 * (logLik(more) - logLik(fit)), sum(!is.na(coef(more))) - length(coef(fit))) }
    lr <- rbind(one(reformulate(x)), t(sapply(x, function(term) one(reformulate(term)))))
    tests[[paste(name, link)]] <- data.frame(case = name, link = link, method = "likelihood_ratio", term = c("(all)", x), statistic = lr[, 1], df = lr[, 2])
  }
  if (name != "wine") tests[[paste(name, "brant")]] <- cbind(case = name, link = "logit", method = "brant", brant(case, x))
}
bound <- function(parts) do.call(rbind, parts)
save <- function(table, file) write.csv(format(table, digits = 15, trim = TRUE), file, row.names = FALSE, quote = FALSE)
save(bound(rows), "data.csv"); save(bound(coefficients), "coefficients.csv"); save(bound(covariances), "covariance.csv"); save(bound(tests), "tests.csv")
save(bound(probabilities), "probabilities.csv")
writeLines(c(R.version.string, paste("ordinal", packageVersion("ordinal")), paste("MASS", packageVersion("MASS"))), "versions.txt")
