package schema

import (
	"embed"
	"io/fs"
)

//go:embed v1/*.schema.json
var files embed.FS

// baseURL is where the schemas are published; each file's $id is its name under it.
const baseURL = "https://caro.sh/schemas/telemetry/v1/"

// Files holds the JSON Schemas as v1/<name>.schema.json: the single source of
// what events, upload batches, exports and deletion requests may say.
func Files() fs.FS { return files }
