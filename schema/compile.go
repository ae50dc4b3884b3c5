package schema

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v5"
)

// validators compiles each event's schema when the first such event comes, so
// that a short run pays for what it uses only.
var validators = sync.OnceValue(func() map[Name]func() *jsonschema.Schema {
	lazy := make(map[Name]func() *jsonschema.Schema)
	for _, name := range Names() {
		lazy[name] = sync.OnceValue(func() *jsonschema.Schema {
			return must(compile(string(name) + ".schema.json"))
		})
	}
	return lazy
})

// compiler reads the embedded files only and keeps what it has read: the parts
// the events share are checked once. It is not safe for concurrent use.
var compiler = sync.OnceValue(func() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.AssertFormat = true
	c.Formats["date-time"] = checkInstant
	c.LoadURL = loadEmbedded
	return c
})

var compilerLock sync.Mutex

// compile compiles one of the embedded files.
func compile(file string) (*jsonschema.Schema, error) {
	compilerLock.Lock()
	defer compilerLock.Unlock()
	return compiler().Compile(baseURL + file)
}

// loadEmbedded finds a schema by its published address.
func loadEmbedded(url string) (io.ReadCloser, error) {
	if len(url) < len(baseURL) || url[:len(baseURL)] != baseURL {
		return nil, errors.New("schema is not an embedded one")
	}
	raw, err := fs.ReadFile(files, "v1/"+url[len(baseURL):])
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(raw)), nil
}

// checkInstant is the format date-time: a real instant in UTC, as in RFC 3339
// but with Z, upper case, and without leap seconds.
func checkInstant(v any) bool {
	s, ok := v.(string)
	return !ok || isInstant(s) // what is no string is another keyword's business
}
