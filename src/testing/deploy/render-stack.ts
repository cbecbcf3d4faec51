import { parse, type Tags } from "yaml";

/** A stack as CloudFormation would make it: what its functions came to, and nothing that AWS would have added. */
export interface RenderedStack {
  resources: Readonly<Record<string, { Type: string; Properties?: unknown }>>;
  outputs: Readonly<Record<string, string>>;
  /** By the name that another stack imports. */
  exports: Readonly<Record<string, string>>;
}

/** What a stack is given, and what AWS would say of its resources. */
export interface StackInput {
  stackName: string;
  region: string;
  account: string;
  parameters: Readonly<Record<string, string>>;
  /** Values of Fn::GetAtt, by "Database.Endpoint.Address"; the name of the attribute where there is none. */
  attributes?: Readonly<Record<string, string>>;
  imports?: Readonly<Record<string, string>>;
}

interface Template {
  Parameters?: Record<string, { Default?: string | number; AllowedPattern?: string; Type: string }>;
  Rules?: Record<string, { Assertions: { Assert: unknown; AssertDescription: string }[] }>;
  Conditions?: Record<string, unknown>;
  Resources: Record<string, { Type: string; Condition?: string; Properties?: unknown }>;
  Outputs?: Record<string, { Value: unknown; Export?: { Name: unknown } }>;
}

const SHORT_FORMS = ["Equals", "GetAtt", "If", "Join", "Not", "Select", "Split", "Sub"];

/**
 * Renders a template with CloudFormation's functions, as far as the templates use them
 * (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html). Throws an Error that says which
 * parameter is missing or wrong, or which rule is broken.
 */
export function renderStack(text: string, input: StackInput): RenderedStack {
  const template = parse(text, { customTags: toTags() }) as Template;
  const scope = toScope(template, input);
  for (const { Assertions } of Object.values(template.Rules ?? {})) {
    for (const { Assert, AssertDescription } of Assertions) {
      if (evaluate(Assert, scope) !== true) throw new Error(AssertDescription);
    }
  }
  const resources = Object.entries(template.Resources).filter(
    ([, { Condition }]) => Condition === undefined || evaluate(template.Conditions?.[Condition], scope) === true,
  );
  const outputs = Object.entries(template.Outputs ?? {});
  return {
    resources: Object.fromEntries(
      resources.map(([id, { Type, Properties }]) => [id, { Type, Properties: evaluate(Properties, scope) }]),
    ),
    outputs: Object.fromEntries(outputs.map(([name, { Value }]) => [name, String(evaluate(Value, scope))])),
    exports: Object.fromEntries(
      outputs
        .filter(([, { Export }]) => Export !== undefined)
        .map(([, { Value, Export }]) => [String(evaluate(Export?.Name, scope)), String(evaluate(Value, scope))]),
    ),
  };
}

/** `!Sub x` and its like, as the long forms of the functions. */
function toTags(): Tags {
  const tags = ["Ref", ...SHORT_FORMS].flatMap((name) => {
    const long = name === "Ref" ? name : `Fn::${name}`;
    const resolve = (value: unknown) => ({ [long]: value });
    return [
      { tag: `!${name}`, resolve: (text: string) => resolve(name === "GetAtt" ? text.split(/\.(.*)/s, 2) : text) },
      { tag: `!${name}`, collection: "seq" as const, resolve: (seq: { toJSON(): unknown }) => resolve(seq.toJSON()) },
      { tag: `!${name}`, collection: "map" as const, resolve: (map: { toJSON(): unknown }) => resolve(map.toJSON()) },
    ];
  });
  return tags as unknown as Tags;
}

interface Scope {
  input: StackInput;
  refs: Readonly<Record<string, unknown>>;
}

function toScope({ Parameters, Resources }: Template, input: StackInput): Scope {
  const { stackName, region, account } = input;
  const refs: Record<string, unknown> = Object.fromEntries(Object.keys(Resources).map((id) => [id, id]));
  for (const [name, { Default, AllowedPattern, Type }] of Object.entries(Parameters ?? {})) {
    const value = input.parameters[name] ?? Default;
    if (value === undefined) throw new Error(`Parameters: [${name}] must have values`);
    if (AllowedPattern !== undefined && !new RegExp(AllowedPattern).test(String(value))) {
      throw new Error(`Parameter ${name} failed to satisfy constraint: ${AllowedPattern}`);
    }
    refs[name] = Type.startsWith("List<") || Type === "CommaDelimitedList" ? String(value).split(",") : String(value);
  }
  const pseudo = {
    StackName: stackName,
    Region: region,
    AccountId: account,
    Partition: "aws",
    URLSuffix: "amazonaws.com",
  };
  for (const [name, value] of Object.entries(pseudo)) refs[`AWS::${name}`] = value;
  return { input, refs };
}

function evaluate(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((one) => evaluate(one, scope));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [name, said] = entries[0] ?? [];
  if (entries.length === 1 && (name === "Ref" || name?.startsWith("Fn::"))) return call(name, said, scope);
  return Object.fromEntries(entries.map(([key, one]) => [key, evaluate(one, scope)]));
}

function call(name: string, said: unknown, scope: Scope): unknown {
  // biome-ignore lint/suspicious/noExplicitAny: each function has arguments of its own shape
  const args = evaluate(said, scope) as any;
  switch (name) {
    case "Ref":
      return refer(args, scope);
    case "Fn::GetAtt":
      return scope.input.attributes?.[args.join(".")] ?? args[1];
    case "Fn::Sub":
      return args.replace(/\$\{([^}]+)\}/g, (_: string, inner: string) =>
        String(inner.includes(".") ? call("Fn::GetAtt", inner.split(/\.(.*)/s, 2), scope) : refer(inner, scope)),
      );
    case "Fn::Join":
      return args[1].join(args[0]);
    case "Fn::Split":
      return args[1].split(args[0]);
    case "Fn::Select":
      return args[1][args[0]];
    case "Fn::Contains":
      return args[0].includes(args[1]);
    case "Fn::Equals":
      return args[0] === args[1];
    case "Fn::Not":
      return args[0] !== true;
    case "Fn::ImportValue":
      return scope.input.imports?.[args] ?? fail(`No export named ${args} found`);
    default:
      return fail(`${name} is unknown here`);
  }
}

function refer(name: string, { refs }: Scope): unknown {
  return name in refs ? refs[name] : fail(`Unresolved resource dependencies [${name}]`);
}

function fail(message: string): never {
  throw new Error(message);
}
