// The EM of the engine in its own words, on the 256 levels of a histogram: the responsibilities of
// ensir/em_trace.py (Eq. 9) and the paper's M step (Eq. 10, 11). A mixture is {weight, mean,
// variance}, each with a number for every candidate.

const LEVELS = 256;
const VARIANCE_FLOOR = 1 / 12; // levels squared: rounding alone spreads this much
const LEAST_GAIN = 1e-5; // nats a pixel: a smaller rise of the score ends the fit
const MOST_STEPS = 1000;

/** log(weight * normal density) of a candidate at a level. */
function logJoint({ weight, mean, variance }, candidate, level) {
  const spread = variance[candidate];
  const distance = level - mean[candidate];
  return (
    Math.log(weight[candidate]) -
    0.5 * Math.log(2 * Math.PI * spread) -
    (distance * distance) / (2 * spread)
  );
}

/** The weighted density of a candidate at a level, a level. */
const density = (mixture, candidate, level) => Math.exp(logJoint(mixture, candidate, level));

/** The E step at one level: the responsibilities and the log-likelihood of a pixel there. */
function explained(mixture, level) {
  const joint = mixture.weight.map((_, candidate) => logJoint(mixture, candidate, level));
  const peak = Math.max(...joint); // no underflow: the largest term is 1
  const terms = joint.map((one) => Math.exp(one - peak));
  const total = terms.reduce((sum, term) => sum + term, 0);
  return { responsibility: terms.map((term) => term / total), likelihood: peak + Math.log(total) };
}

/** The responsibilities at all levels, or at those with a pixel: an array of 256 a candidate. */
function responsibilities(mixture, histogram = null) {
  const found = mixture.weight.map(() => new Float64Array(LEVELS));
  for (let level = 0; level < LEVELS; level += 1) {
    if (histogram && !histogram[level]) continue;
    explained(mixture, level).responsibility.forEach((one, candidate) => {
      found[candidate][level] = one;
    });
  }
  return found;
}

/** The mean log-likelihood of the histogram's pixels, in nats. */
function score(mixture, histogram) {
  let sum = 0;
  let pixels = 0;
  histogram.forEach((count, level) => {
    if (!count) return;
    sum += count * explained(mixture, level).likelihood;
    pixels += count;
  });
  return sum / pixels;
}

/** The M step: weights (Eq. 10) and variances (Eq. 11) of highest likelihood; the means stay. */
function mStep(mixture, responsibility, histogram) {
  const mass = mixture.mean.map(() => 0);
  const spread = mixture.mean.map(() => 0);
  histogram.forEach((count, level) => {
    if (!count) return;
    mixture.mean.forEach((mean, candidate) => {
      const share = count * responsibility[candidate][level];
      mass[candidate] += share;
      spread[candidate] += share * (level - mean) ** 2;
    });
  });
  const total = mass.reduce((sum, one) => sum + one, 0);
  return {
    weight: mass.map((one) => one / total),
    mean: mixture.mean,
    variance: mass.map((one, place) =>
      Math.max(spread[place] / Math.max(one, Number.MIN_VALUE), VARIANCE_FLOOR),
    ),
  };
}

/** EM until the score rises by less than LEAST_GAIN: all mixtures and their scores. */
function fitted(first, histogram, mostSteps = MOST_STEPS) {
  const mixtures = [first];
  const scores = [score(first, histogram)];
  while (mixtures.length <= mostSteps) {
    const before = mixtures.at(-1);
    mixtures.push(mStep(before, responsibilities(before, histogram), histogram));
    scores.push(score(mixtures.at(-1), histogram));
    if (!(scores.at(-1) - scores.at(-2) >= LEAST_GAIN)) break;
  }
  return { mixtures, scores };
}
