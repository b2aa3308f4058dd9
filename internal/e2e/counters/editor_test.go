package counters_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"

	"envoyd/internal/sim/gateway"
	"envoyd/internal/sim/site"
)

// editor stands before what the gateway shows and alters it.
type editor struct {
	gateway.Site
	mu    sync.Mutex
	edits map[string]func(*site.Page) // by path
}

// Page answers with the page as it is altered.
func (e *editor) Page(r site.Request) site.Page {
	page := e.Site.Page(r)
	e.mu.Lock()
	defer e.mu.Unlock()
	if edit := e.edits[r.Path]; edit != nil && page.Status == 0 {
		edit(&page)
	}
	return page
}

// page alters a path from now on; nil ends that.
func (e *editor) page(path string, edit func(*site.Page)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.edits == nil {
		e.edits = map[string]func(*site.Page){}
	}
	e.edits[path] = edit
}

// gone takes paths away.
func (e *editor) gone(paths ...string) {
	for _, path := range paths {
		e.page(path, func(p *site.Page) { *p = site.Page{Status: http.StatusNotFound, Body: []byte("<html>404</html>")} })
	}
}

// becomes answers with a text.
func (e *editor) becomes(path, text string) {
	e.page(path, func(p *site.Page) { p.Body = []byte(text) })
}

// object is a JSON object, its numbers as they are written.
type object = map[string]any

// objects alters each object of a JSON page that is a list, at any depth.
func (e *editor) objects(path string, edit func(o object)) {
	e.page(path, func(p *site.Page) {
		d := json.NewDecoder(bytes.NewReader(p.Body))
		d.UseNumber()
		var doc any
		if d.Decode(&doc) != nil {
			panic("not JSON: " + path)
		}
		walk(doc, edit)
		body, err := json.Marshal(doc)
		if err != nil {
			panic(err)
		}
		p.Body = body
	})
}

func walk(doc any, edit func(o object)) {
	switch doc := doc.(type) {
	case []any:
		for _, one := range doc {
			walk(one, edit)
		}
	case object:
		edit(doc)
		for _, one := range doc {
			walk(one, edit)
		}
	}
}

// numberIn is a number of an object; 0 when it has none of that name.
func numberIn(o object, name string) float64 {
	n, _ := o[name].(json.Number)
	f, _ := n.Float64() // 0 for what is none
	return f
}

// eids of the CTs' aggregates.
const (
	eidProduction  = 0x2A000100
	eidConsumption = 0x2A000200
)

// Paths that stories alter.
const (
	pathMeters   = "/ivp/meters"
	pathReadings = "/ivp/meters/readings"
	pathV1       = "/api/v1/production"
	pathDevices  = "/ivp/pdm/device_data"
	pathPDM      = "/ivp/pdm/energy"
	pathPage     = "/production.json"
)

// rawNumber writes a number in a certain way.
func rawNumber(text string) json.RawMessage { return json.RawMessage(text) }
