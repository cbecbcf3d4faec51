/** The component that only `drain` reports. */
const SERVER = "server";

/** Something that keeps the service from being ready. */
export interface ReadinessProblem {
  /** What has the problem, for instance "database". */
  component: string;
  /** A sentence without secrets: it is shown to whoever asks. */
  problem: string;
}

/**
 * Whether this replica can do its work, and why not. Every component is a problem until it reports itself well once.
 * After `drain` the replica stays unready for good, whatever its components say.
 *
 * A replica that is ready may be degraded: something is wrong that every replica meets alike, and some of the work can be
 * done. To call it unready would take all replicas out at once, and with them what they still can do.
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

  /** What is wrong though the replica is ready. */
  get degradations(): ReadinessProblem[] {
    return toList(this.#degradations);
  }

  /** A component says how it is: a sentence that names its problem, or undefined when it is well. */
  report(component: string, problem: string | undefined): void {
    if (this.#isDraining && component === SERVER) return;
    this.#set(component, problem);
  }

  /** Something of a component is wrong that leaves the replica ready: a sentence that names it, or undefined when it is over. */
  degrade(component: string, problem: string | undefined): void {
    if (problem === undefined) this.#degradations.delete(component);
    else this.#degradations.set(component, problem);
  }

  /** The replica is going away: unready from now on, and watchers end. */
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
