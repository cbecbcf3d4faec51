/** A problem of settings, with the sentence that says what would be right. */
export class SettingsProblem extends Error {
  override readonly name = "SettingsProblem";
  /** The place in the settings, as a path of keys: `["services", "replication", "region"]`. */
  readonly path: readonly (string | number)[];

  constructor(message: string, path: readonly (string | number)[] = []) {
    super(message);
    this.path = path;
  }
}
