// Gradio's page copies the properties of every component whenever an event begins or ends, each text
// and number through `structuredClone`. They are their own copies; and of a function, which has
// none, the exception that says so is made once, for it takes longer than fifty copies.
() => {
  const clone = window.structuredClone;
  const none = new DOMException("There is no copy of this", "DataCloneError");
  window.structuredClone = (value, options) => {
    if (typeof value === "function" || typeof value === "symbol") throw none;
    return typeof value === "object" && value !== null ? clone(value, options) : value;
  };
}
