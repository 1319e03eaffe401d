/** Pure algorithms and machines. */
export {};
