package schema

// Accepts is sure, for tests that use what is built on this package.
var Accepts = sure
