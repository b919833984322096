// Questions to the engine: one is under way at a time, and only the latest waits. Of events that
// overlap, Gradio would repeat the first one's data. An answer carries its question's number.

const LONGEST_WAIT = 3000; // milliseconds: an error has no answer

/** Asks by `send(question, number)`; `heard(number)` is to be called with what an answer carries. */
function asker(send) {
  let number = 0;
  let waiting = null;
  const state = {
    latest: null, // the last question, until its answer is there: the next one builds on it
    underWay: false,
    ask(question) {
      state.latest = waiting = question;
      if (!state.underWay) next();
    },
    heard(answered) {
      // What nobody asked for is of another subject than the question that waits.
      if (answered === undefined) state.latest = waiting = null;
      else if (state.underWay && answered === number) next();
    },
  };
  function next() {
    const question = waiting;
    waiting = null;
    state.underWay = question !== null;
    if (!state.underWay) {
      state.latest = null;
      return;
    }
    number += 1;
    const asked = number;
    send(question, asked);
    setTimeout(() => state.heard(asked), LONGEST_WAIT);
  }
  return state;
}
