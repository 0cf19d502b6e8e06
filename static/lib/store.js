/**
 * A page's state: a pure reducer, and those who watch it. Watchers hear of every change at once (a tab in the background must
 * still ring); drawing is merged to once a task.
 */

/**
 * @template State, Action
 * @param {(state: State, action: Action) => State} reduce
 * @param {State} initial
 */
export function createStore(reduce, initial) {
  let state = initial;
  let drawing = false;
  /** @type {((state: State, before: State, action: Action) => void)[]} */
  const watchers = [];
  /** @type {((state: State) => void) | null} */
  let draw = null;

  function redraw() {
    if (drawing || !draw) return;
    drawing = true;
    queueMicrotask(() => {
      drawing = false;
      draw?.(state);
    });
  }

  return {
    get state() {
      return state;
    },
    /** @param {Action} action */
    dispatch(action) {
      const before = state;
      state = reduce(state, action);
      if (state === before) return;
      for (const watcher of watchers) watcher(state, before, action);
      redraw();
    },
    /**
     * Calls back after each change, with the state before it.
     *
     * @param {(state: State, before: State, action: Action) => void} watcher
     */
    watch(watcher) {
      watchers.push(watcher);
    },
    /**
     * Draws now and after changes.
     *
     * @param {(state: State) => void} how
     */
    drawWith(how) {
      draw = how;
      how(state);
    },
    redraw,
  };
}
