import { parser } from "@prometheus-io/lezer-promql";

/** A place in an expression that names series. */
export interface NamedSeries {
  metric: string;
  /** The labels of its conditions, and those that the aggregations around it keep. */
  labels: string[];
}

/** Reads an expression by the parser of Prometheus's own editor, with names without quotes. Throws where it is no PromQL. */
export function readPromql(expression: string): NamedSeries[] {
  const found: NamedSeries[] = [];
  const textOf = ({ from, to }: { from: number; to: number }) => expression.slice(from, to).replace(/^"(.*)"$/, "$1");
  parser.parse(expression).iterate({
    enter: ({ type, from, node }) => {
      if (type.isError)
        throw new Error(`this is no PromQL before "${expression.slice(from, from + 30)}": ${expression}`);
      if (type.name !== "VectorSelector") return;
      const matchers = node.getChild("LabelMatchers");
      const metric = node.getChild("Identifier") ?? matchers?.getChild("QuotedLabelName");
      const conditions = ["UnquotedLabelMatcher", "QuotedLabelMatcher"].flatMap(
        (kind) => matchers?.getChildren(kind) ?? [],
      );
      const labels = conditions.map(({ firstChild }) => textOf(firstChild as NonNullable<typeof firstChild>));
      for (let around = node.parent; around !== null; around = around.parent) {
        const kept = around.getChild("AggregateModifier")?.getChild("GroupingLabels");
        for (const kind of ["LabelName", "QuotedLabelName"])
          labels.push(...(kept?.getChildren(kind) ?? []).map(textOf));
      }
      found.push({ metric: metric ? textOf(metric) : "", labels });
    },
  });
  return found;
}
