/** What decisions go by besides the metadata: settings, fixed for the life of the process. */
import type { ControllerSettingValues } from '../controller-settings.js';
import type { NodeDefaults } from '../image/effective-topic-config.js';

export interface ControllerPolicy {
  readonly settings: ControllerSettingValues;
  /** What the node's configuration says of topic settings. */
  readonly nodeDefaults: NodeDefaults;
}
