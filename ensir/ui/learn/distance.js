// Step 6: where EM ends, by the distance of the means.

const DEVIATION_APART = 12;
const DISTANCES = [0, 1, 2, 3, 4, 6, 8, 10, 12, 15, 18, 21, 24, 30, 36];
let apart = { start: null, ends: [] };

/** The weight of A after EM, its 70% of the pixels `distance` levels from B's. */
function endedAt(distance, start) {
  const means = [118 - distance / 2, 118 + distance / 2];
  const first = {
    weight: [start, 1 - start],
    mean: means,
    variance: means.map(() => DEVIATION_APART ** 2),
  };
  return fitted(first, heaps(means, 0.7, DEVIATION_APART)).mixtures.at(-1).weight[0];
}

function drawDistance() {
  const start = Number(fields.start.value);
  if (apart.start !== start)
    apart = { start, ends: DISTANCES.map((distance) => endedAt(distance, start)) };
  const startWord = Math.abs(start - 0.7) < 0.12 ? "" : "start"; // no word upon the other
  drawn(distanceChart, {
    x: {
      from: 0,
      to: DISTANCES.at(-1),
      name: `levels apart (deviations: ${DEVIATION_APART})`,
    },
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    marks: [
      { kind: "rule", of: "y", at: 0.7, dash: "6 4", text: "share of A's pixels", end: true },
      { kind: "rule", of: "y", at: start, dash: "2 4", text: startWord, opacity: 0.6, end: true },
      { kind: "line", xs: DISTANCES, ys: apart.ends, colour: colours[0], width: 2.5 },
      { kind: "dots", xs: DISTANCES, ys: apart.ends, colour: colours[0] },
    ],
  });
  live("start", written(start, 2));
  const ends = [0, 2, 36].map((distance) => written(apart.ends[DISTANCES.indexOf(distance)], 2));
  live(
    "distance-words",
    `A starts at ${written(start, 2)}. With the means 0 apart it ends at ${ends[0]}, with 2 at ${ends[1]}, with 36 at ${ends[2]}.`,
  );
}
