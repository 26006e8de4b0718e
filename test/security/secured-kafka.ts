// A Kafka with ACLs for the tests of this folder: who logs in how, and the rights that a test gives and takes.
import type { AclEntry, Admin } from 'kafkajs';

import { administer } from '../integration/topics.ts';
import { startSecuredKafka, type OwnKafka } from '../integration/own-services.ts';
import { eventually } from '../integration/program.ts';

export interface TestRight {
  readonly operation: string;
  readonly resource: string;
  readonly name: string;
  readonly prefixed: boolean;
}

export interface SecuredKafka extends OwnKafka {
  /** Settings of a program that logs in as `user`, with PLAIN. */
  login(user: string): Readonly<Record<string, string>>;
  /** Resolves once the brokers go by it. */
  give(user: string, rights: readonly TestRight[]): Promise<void>;
  /** Takes one right away while its user is at work. */
  take(user: string, right: TestRight): Promise<void>;
}

// Codes of Kafka's ResourceType, AclOperation, PatternType and AclPermissionType.
const resourceTypes: Readonly<Record<string, number>> = {
  topic: 2,
  group: 3,
  cluster: 4,
  'transactional-id': 5,
};
const operations: Readonly<Record<string, number>> = {
  Read: 3,
  Write: 4,
  Create: 5,
  Describe: 8,
  DescribeConfigs: 10,
};
const patterns = { literal: 3, prefixed: 4 };
const allow = 3;
const any = 1;

/** Starts it; `stop` is the caller's. `listeners` are further settings of scripts/services.sh. */
export async function openSecuredKafka(
  folder: string,
  listeners: Readonly<Record<string, string>> = {},
): Promise<SecuredKafka> {
  const kafka = await startSecuredKafka(folder, listeners);
  return {
    ...kafka,
    login: (user) => ({
      KAFKA_BROKERS: kafka.saslBrokers,
      KAFKA_SASL_MECHANISM: 'plain',
      KAFKA_SASL_USERNAME: user,
      KAFKA_SASL_PASSWORD: `secret-${user}`,
    }),
    take: (user, right) =>
      administer(kafka.brokers, (admin) =>
        admin.deleteAcls({ filters: [aclOf(`User:${user}`, right)] }),
      ),
    give: (user, rights) =>
      administer(kafka.brokers, (admin) => giveRights(admin, `User:${user}`, rights)),
  };
}

async function giveRights(
  admin: Admin,
  principal: string,
  rights: readonly TestRight[],
): Promise<void> {
  if (rights.length === 0) return;
  await admin.createAcls({ acl: rights.map((right) => aclOf(principal, right)) });
  const filter = {
    resourceType: any,
    resourcePatternType: any,
    operation: any,
    permissionType: any,
  };
  await eventually(
    async () => {
      const { resources } = await admin.describeAcls({ ...filter, principal });
      const known = resources.reduce((sum, { acls }) => sum + acls.length, 0);
      if (known < rights.length) throw new Error(`${known} of ${rights.length} rights`);
    },
    { timeoutMs: 20_000 },
  );
}

function aclOf(principal: string, { operation, resource, name, prefixed }: TestRight): AclEntry {
  return {
    resourceType: resourceTypes[resource] ?? 0,
    resourceName: name,
    resourcePatternType: prefixed ? patterns.prefixed : patterns.literal,
    principal,
    host: '*',
    operation: operations[operation] ?? 0,
    permissionType: allow,
  };
}
