package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// pageFile is a file of the page: index.html at "/", the others by their name
// under /static/. There is no listing, and the type never comes from a table
// of the host's: a wrong one, and a browser refuses the script.
type pageFile struct {
	path    string
	mime    string
	tag     string // changes with the content, so that an upgrade shows at once
	content []byte
}

// pageFiles returns all files of the page.
func pageFiles() []*pageFile {
	types := map[string]string{
		".html": "text/html; charset=utf-8",
		".css":  "text/css; charset=utf-8",
		".js":   "text/javascript; charset=utf-8",
		".svg":  "image/svg+xml",
	}
	var files []*pageFile
	err := fs.WalkDir(static, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := static.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		f := &pageFile{path: "/" + name, mime: types[path.Ext(name)], tag: `"` + hex.EncodeToString(sum[:8]) + `"`, content: content}
		if name == "static/index.html" {
			f.path = "/{$}"
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return files
}

// ServeHTTP sends the file, or that the browser has it already.
func (f *pageFile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mime)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.tag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
}
