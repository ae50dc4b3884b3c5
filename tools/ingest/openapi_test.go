package ingest

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"caro.sh/telemetry/schema"
)

// api is as much of the OpenAPI document as is compared.
type api struct {
	Paths map[string]map[string]struct {
		RequestBody struct {
			Content map[string]media `json:"content"`
		} `json:"requestBody"`
		Responses map[string]struct {
			Headers map[string]any   `json:"headers"`
			Content map[string]media `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
}

type media struct {
	Schema  json.RawMessage `json:"schema"`
	Example json.RawMessage `json:"example"`
}

func readAPI(t *testing.T) api {
	t.Helper()
	var a api
	if err := json.Unmarshal(OpenAPI(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// compile makes a schema of the document, or one of ours that it points to,
// something to check with.
func compile(t *testing.T, pointer string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.Draft = jsonschema.Draft2020
	c.LoadURL = func(url string) (io.ReadCloser, error) {
		raw, err := fs.ReadFile(schema.Files(), "v1/"+strings.TrimPrefix(url, documentBase))
		return io.NopCloser(bytes.NewReader(raw)), err
	}
	if err := c.AddResource("file:///openapi.json", bytes.NewReader(OpenAPI())); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("file:///openapi.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fits(t *testing.T, pointer string, text []byte) {
	t.Helper()
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", pointer, err)
	}
	if err := compile(t, pointer).Validate(v); err != nil {
		t.Errorf("%s: %s does not fit: %v", pointer, text, err)
	}
}

func escaped(path string) string { return strings.ReplaceAll(path, "/", "~1") }

func TestOpenAPIKnowsEveryRoute(t *testing.T) {
	a := readAPI(t)
	for path, route := range routes {
		if _, ok := a.Paths[path][strings.ToLower(route.method)]; !ok {
			t.Errorf("%s %s is not in the document", route.method, path)
		}
	}
	for path, methods := range a.Paths {
		if _, ok := routes[path]; !ok || len(methods) != 1 {
			t.Errorf("%s is in the document, with %d methods", path, len(methods))
		}
	}
}

// Every example fits its schema, and a batch and a request posted as the document
// has them are answered as it says.
func TestOpenAPIExamplesAreTrue(t *testing.T) {
	r := newReceiver(t).start()
	for path, methods := range readAPI(t).Paths {
		for method, operation := range methods {
			for kind, m := range operation.RequestBody.Content {
				if m.Example == nil {
					continue
				}
				at := "/paths/" + escaped(path) + "/" + method
				fits(t, at+"/requestBody/content/"+escaped(kind)+"/schema", m.Example)
				a := r.send(path, m.Example, "Content-Type", kind)
				if a.Status != 200 {
					t.Errorf("%s: the example was answered %d %s", path, a.Status, a.Raw)
				}
			}
			for status, response := range operation.Responses {
				for kind, m := range response.Content {
					if m.Example != nil {
						fits(t, "/paths/"+escaped(path)+"/"+method+"/responses/"+status+"/content/"+escaped(kind)+"/schema", m.Example)
					}
				}
			}
		}
	}
}

// Whatever the handler answers in these tests, the document lists the status, and
// the body fits the schema that belongs to it.
func TestOpenAPIListsEveryAnswer(t *testing.T) {
	r := newReceiver(t)
	r.limits = HandlerOptions{MaxExportBytes: 600 << 10}
	r.start()
	bad := strings.Replace(event(1, someDay), `"event":"`, `"event":"x`, 1)
	good := document([]string{event(0, someDay), bad})
	export := exportDocument(eventID(1), "", events(0, 2))
	answered := map[string]map[int]bool{}
	check := func(path, method string, a reply) {
		t.Helper()
		if answered[path] == nil {
			answered[path] = map[int]bool{}
		}
		answered[path][a.Status] = true
		response, ok := readAPI(t).Paths[path][method].Responses[strconv.Itoa(a.Status)]
		if !ok {
			t.Errorf("%s answered %d, which the document does not list: %s", path, a.Status, a.Raw)
			return
		}
		for name := range response.Headers {
			if a.Header.Get(name) == "" {
				t.Errorf("%s answered %d without %s", path, a.Status, name)
			}
		}
		fits(t, "/paths/"+escaped(path)+"/"+method+"/responses/"+strconv.Itoa(a.Status)+"/content/application~1json/schema", []byte(a.Raw))
	}
	const path, jsonType = "/v1/events", "application/json"
	for _, post := range []struct{ path, body, kind string }{
		{path, good, jsonType}, {path, good, jsonType}, {path, strings.Replace(good, `"batch_id"`, `"x"`, 1), jsonType}, {path, "x", jsonType},
		{path, good, "text/html"}, {path, document(events(0, 1001)), jsonType}, {path, strings.Replace(document(events(5, 6)), batchID(events(5, 6)), batchID([]string{event(0, someDay), bad}), 1), jsonType},
		{"/v1/exports", export, jsonType}, {"/v1/exports", export, jsonType}, {"/v1/exports", "x", jsonType}, {"/v1/exports", "", "x"}, {"/v1/exports", strings.Repeat(" ", 700<<10), jsonType},
		{"/v1/exports", strings.Replace(export, `"os":"windows"`, `"os":"x"`, 1), jsonType}, {"/v1/exports", exportDocument(eventID(1), "", nil), jsonType},
		{"/v1/deletion-requests", deletionRequest("00000000"), jsonType}, {"/v1/deletion-requests", deletionRequest("00000001"), jsonType}, {"/v1/deletion-requests", "{}", jsonType},
		{"/v1/deletion-requests", strings.Repeat(" ", 20<<10), jsonType}, {"/v1/deletion-requests", "", "x"},
	} {
		check(post.path, "post", r.send(post.path, []byte(post.body), "Content-Type", post.kind))
	}
	for path, route := range routes {
		wrong := map[string]string{"GET": "POST", "POST": "GET"}[route.method]
		check(path, strings.ToLower(route.method), r.do(wrong, path))
		if route.method == "GET" {
			w := httptest.NewRecorder()
			r.http.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			check(path, "get", reply{Status: w.Code, Header: w.Result().Header, Raw: w.Body.String()})
			continue
		}
		r.limits.Token = "secret"
		r.http = NewHandler(r.store, r.limits)
		check(path, "post", r.send(path, nil))
		r.limits.Token, r.limits.MaxRate = "", 0.001
		r.http = NewHandler(r.store, r.limits)
		r.send(path, nil)
		check(path, "post", r.send(path, nil))
		r.limits.MaxRate = 0
		r.http = NewHandler(r.store, r.limits)
	}
	for status, path := range map[int]string{200: path, 400: path, 401: path, 405: path, 409: path, 413: path, 415: path, 422: path, 429: path} {
		if !answered[path][status] {
			t.Errorf("nothing here was answered %d", status)
		}
	}
	if n := len(answered["/v1/exports"]); n != 9 {
		t.Errorf("exports were answered in %d ways: %v", n, answered["/v1/exports"])
	}
}
