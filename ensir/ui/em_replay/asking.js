// Questions to the engine: one is under way at a time, and only the latest waits. Of events that
// overlap, Gradio would repeat the first one's data. An answer carries its question's number.

const LONGEST_WAIT = 3000; // milliseconds: an error has no answer

/** Asks by `send(question, number)`; `heard(number)` is to be called with what an answer carries. */
function asker(send) {
  let number = 0;
  const state = {
    waiting: null,
    underWay: false,
    ask(question) {
      state.waiting = question;
      if (!state.underWay) next();
    },
    heard(answered) {
      if (state.underWay && answered === number) next();
    },
  };
  function next() {
    const question = state.waiting;
    state.waiting = null;
    state.underWay = question !== null;
    if (!state.underWay) return;
    number += 1;
    const asked = number;
    send(question, asked);
    setTimeout(() => state.heard(asked), LONGEST_WAIT);
  }
  return state;
}
