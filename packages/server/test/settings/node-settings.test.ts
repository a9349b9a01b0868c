import { describeSettings, settingToEnvironmentName } from '@millrace/base';
import { describe, expect, test } from 'vitest';
import { nodeSettingTable } from '../../src/settings/node-settings.js';

describe('the table of settings', () => {
  test('every setting can be given in the environment under a name of its own', () => {
    const names = Object.keys(nodeSettingTable).map(settingToEnvironmentName);
    expect(new Set(names).size).toBe(names.length);
  });

  test('the reference has a sentence for each', () => {
    const rows = describeSettings(nodeSettingTable);
    expect(rows).toHaveLength(Object.keys(nodeSettingTable).length);
    for (const { text } of rows) expect(text).toMatch(/[.]$/);
  });

  test('holds the settings of topics as defaults for the cluster', () => {
    expect(nodeSettingTable['retention.ms'].scope).toBe('topic');
    expect(nodeSettingTable['num.partitions'].scope).toBe('node');
  });
});
