// The features of a Sensorium server as TypeScript: `GET /features` in, an interface out.

interface FeatureFacts {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly description: string;
}

/** What `GET /features` answers; every view has every feature. */
export interface FeatureCatalogue {
  readonly views: readonly string[];
  readonly features: readonly FeatureFacts[];
}

const typesOfValues: Readonly<Record<string, string>> = {
  Float64: 'number',
  Float32: 'number',
  Int64: 'number',
  Int32: 'number',
  String: 'string',
  Bool: 'boolean',
};

/** Returns the source of a module that exports one type `name`, by reference the type of its values. */
export function featureTypesSource(
  { views, features }: FeatureCatalogue,
  { name, url }: { readonly name: string; readonly url: string },
): string {
  const members = views.flatMap((view) =>
    features.map((feature) => {
      const reference = JSON.stringify(`${view}:${feature.name}`).replaceAll('"', "'");
      const comment = `${feature.description} Unit: ${feature.unit}.`.replaceAll('*/', '*\\/');
      const type = typesOfValues[feature.type] ?? 'number | string | boolean';
      return `  /** ${comment} */\n  ${reference}: ${type};`;
    }),
  );
  return (
    `// Generated from ${url} by \`sensorium-client types\`; generate it again when features change.\n\n` +
    `export type ${name} = {\n${members.join('\n')}\n};\n`
  );
}
