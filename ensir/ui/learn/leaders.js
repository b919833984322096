// Step 6: who leads in the example where all models share a bin.

const leadersChart = find("figure.leaders svg");

/** The example's weights where all models share a bin, by bin. */
const sameBin = example.cells.filter(({ bins }) => new Set(bins).size === 1);

function drawLeaders() {
  const marks = sameBin.flatMap(({ bins, weights }) => {
    const [from, to] = [bins[0], bins[0] + 1].map((bin) => bin * example.width - 0.5);
    let low = 0;
    return weights.map((weight, model) => {
      const ends = { low: [low, low], high: [low + weight, low + weight] };
      low += weight;
      const xs = [from + 0.7, to - 0.7];
      return { kind: "area", xs, ...ends, colour: colours[model], opacity: 0.85 };
    });
  });
  drawn(leadersChart, {
    x: { from: -2, to: 257, ticks: [0, 64, 128, 192, 255], say: String, name: "level" },
    y: { from: 0, to: 1, ticks: [0, 0.5, 1] },
    marks,
  });
  const leaders = sameBin.map(({ weights }) => weights.indexOf(Math.max(...weights)));
  const changes = leaders.filter((leader, at) => at && leader !== leaders[at - 1]).length;
  live("changes", `${changes} times in ${leaders.length} bins`);
}
