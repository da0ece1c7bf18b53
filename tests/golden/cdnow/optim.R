# Golden values of the BG/NBD and MBG/NBD likelihoods, written down in R and maximised by optim(). Run inside this folder:  Rscript optim.R
# The likelihood is that of Fader, Hardie and Lee (2005), and of Batislam et al. (2007) with the chance to leave at the first purchase, in days;
# Nelder-Mead from two starts, then BFGS, then nlm; covariance by inverting optimHess() of the logarithms; 95 % limits by profile likelihood, with
# uniroot() over the likelihood that optim() maximises over the other three. Writes optim.csv and optim_versions.txt.
options(digits = 15)
rfm <- read.csv("calibration.csv")
minus_log_likelihood <- function(first) function(logs) {
  r <- exp(logs[1]); alpha <- exp(logs[2]); a <- exp(logs[3]); b <- exp(logs[4])
  x <- rfm$frequency; t <- rfm$recency_days; age <- rfm$age_days
  m <- x + first
  stay <- lbeta(a, b + m) - lbeta(a, b) - (r + x) * log(alpha + age)
  left <- ifelse(m > 0, lbeta(a + 1, b + pmax(m, 1) - 1) - lbeta(a, b) - (r + x) * log(alpha + t), -Inf)
  top <- pmax(stay, left)
  -sum(lgamma(r + x) - lgamma(r) + r * log(alpha) + top + log(exp(stay - top) + exp(left - top)))
}
profile_limit <- function(loss, best, term, reach) {
  excess <- function(value) {
    others <- function(rest) loss(append(rest, value, term - 1))
    start <- best$estimate[-term]
    found <- optim(start, others, method = "BFGS", control = list(maxit = 1000, reltol = 1e-15))
    2 * (nlm(others, found$par, gradtol = 1e-10)$minimum - best$minimum) - qchisq(0.95, 1)
  }
  uniroot(excess, sort(best$estimate[term] + c(0.6, 1.6) * reach), tol = 1e-9)$root
}
rows <- lapply(c(bg_nbd = 0, mbg_nbd = 1), function(first) {
  loss <- minus_log_likelihood(first)
  found <- lapply(list(c(0, 3, 0, 1), c(-1, 4, -1, 0)), function(start) {
    rough <- optim(start, loss, control = list(maxit = 20000, reltol = 1e-15))
    fine <- optim(rough$par, loss, method = "BFGS", control = list(maxit = 1000, reltol = 1e-16))
    nlm(loss, fine$par, gradtol = 1e-10, steptol = 1e-12, iterlim = 1000)
  })
  best <- found[[which.min(sapply(found, function(each) each$minimum))]]
  spread <- solve(optimHess(best$estimate, loss, control = list(ndeps = rep(1e-3, 4))))
  reach <- 1.96 * sqrt(diag(spread))
  low <- sapply(1:4, function(term) profile_limit(loss, best, term, -reach[term]))
  high <- sapply(1:4, function(term) profile_limit(loss, best, term, reach[term]))
  data.frame(model = c("bg_nbd", "mbg_nbd")[first + 1], term = c("r", "alpha", "a", "b"), estimate = exp(best$estimate),
             error_of_log = sqrt(diag(spread)), conf_low = exp(low), conf_high = exp(high), log_likelihood = -best$minimum)
})
write.csv(do.call(rbind, rows), "optim.csv", row.names = FALSE, quote = FALSE)
writeLines(R.version.string, "optim_versions.txt")
