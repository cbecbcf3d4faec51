/** The component that only `drain` reports. */
const SERVER = "server";

/** A problem that keeps the service from being ready. */
export interface ReadinessProblem {
  /** The component that has the problem, for instance "database". */
  component: string;
  /** A sentence without secrets: everyone who asks sees it. */
  problem: string;
}

/**
 * Whether this replica can do its work, and why not. Every component is a problem until it first reports itself well. After
 * `drain` the replica stays unready for good, whatever its components say.
 *
 * A replica that is ready may be degraded: something is wrong that every replica meets alike, and some of the work can be
 * done. If such replicas were called unready, all would be taken out at once, together with the work that they still can do.
 */
export class Readiness {
  readonly #problems = new Map<string, string>();
  readonly #degradations = new Map<string, string>();
  readonly #listeners = new Set<() => void>();
  #isDraining = false;

  /** `components` are the names that must report before the replica is ready. */
  constructor(components: readonly string[]) {
    for (const component of components) this.#problems.set(component, "has not been checked yet");
  }

  get isReady(): boolean {
    return this.#problems.size === 0;
  }

  /** Whether `drain` was called: the state will not change any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  get problems(): ReadinessProblem[] {
    return toList(this.#problems);
  }

  /** The problems of a replica that is ready nevertheless. */
  get degradations(): ReadinessProblem[] {
    return toList(this.#degradations);
  }

  /** Reports a component's state: a sentence that names its problem, or undefined when it is well. */
  report(component: string, problem: string | undefined): void {
    if (this.#isDraining && component === SERVER) return;
    this.#set(component, problem);
  }

  /** Reports a problem of a component that leaves the replica ready: a sentence that names it, or undefined when it is over. */
  degrade(component: string, problem: string | undefined): void {
    if (problem === undefined) this.#degradations.delete(component);
    else this.#degradations.set(component, problem);
  }

  /** Tells that the replica is going away: it is unready from now on, and watches end. */
  drain(): void {
    this.#isDraining = true;
    this.#set(SERVER, "is shutting down");
  }

  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #set(component: string, problem: string | undefined): void {
    if (this.#problems.get(component) === problem) return;
    if (problem === undefined) this.#problems.delete(component);
    else this.#problems.set(component, problem);
    for (const listener of [...this.#listeners]) listener();
  }
}

function toList(problems: ReadonlyMap<string, string>): ReadinessProblem[] {
  return Array.from(problems, ([component, problem]) => ({ component, problem }));
}
