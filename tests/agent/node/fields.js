// Prints the fields of the Elastic Common Schema, as its official package defines them, as JSON.
const { EcsFlat, EcsVersion } = require("@elastic/ecs");
console.log(JSON.stringify({ version: EcsVersion, fields: EcsFlat }));
