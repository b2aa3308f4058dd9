// Package replay shows the recorded answers of a real gateway, byte for byte.
//
// A recording is a folder in the layout that envoyd capture writes: one file
// for each endpoint, named by its path with every / turned into _, and beside
// it <name>_log.json with the status and the headers. Only the length and the
// hop-by-hop headers are left out, because they belong to the connection.
//
// Nothing is made to look current: a recording from two years ago says so.
package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"envoyd/internal/sim/site"
)

// Folder is a recording. It is read anew for each answer.
type Folder struct {
	dir      *os.Root
	identity site.Identity
	serial   string // recorded
}

// Parts of /info that say who the gateway is.
var (
	serialElement   = regexp.MustCompile(`<sn>\s*([0-9]+)\s*</sn>`)
	softwareElement = regexp.MustCompile(`<software>\s*[A-Za-z]*([0-9.]+)\s*</software>`)
)

// Open reads who was recorded. A serial of 12 digits, if given, takes the place
// of the recorded one wherever it appears.
func Open(dir, serial string) (*Folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the capture: %w", err)
	}
	info, err := readAll(root, "info")
	if err != nil {
		root.Close() //nolint:errcheck // nothing was written
		return nil, fmt.Errorf("reading who was captured in %s: %w", filepath.Clean(dir), err)
	}
	sn, software := serialElement.FindSubmatch(info), softwareElement.FindSubmatch(info)
	if sn == nil || software == nil {
		root.Close() //nolint:errcheck // nothing was written
		return nil, fmt.Errorf("the file info in %s names no serial and firmware", filepath.Clean(dir))
	}
	f := &Folder{dir: root, serial: string(sn[1])}
	f.identity = site.Identity{Serial: f.serial, Firmware: string(software[1])}
	if serial != "" {
		f.identity.Serial = serial
	}
	return f, nil
}

// Identity is the recorded gateway's, with the serial given to Open.
func (f *Folder) Identity() site.Identity { return f.identity }

// Close lets go of the folder.
func (f *Folder) Close() error { return f.dir.Close() }

// Page returns what was recorded for a path, or a 404.
func (f *Folder) Page(r site.Request) site.Page {
	for _, name := range names(r.Path, r.Query) {
		body, err := readAll(f.dir, name)
		if err != nil {
			continue
		}
		page := site.Page{Body: f.rename(body), Header: http.Header{}}
		f.readLog(name, &page)
		return page
	}
	return site.Page{
		Status: http.StatusNotFound, Body: []byte(missing), Header: http.Header{"Content-Type": {"text/html"}},
	}
}

// names are the files that may hold a path's answer, best first.
func names(path, query string) []string {
	name := strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", "_")
	if name == "" || strings.HasSuffix(name, "_log.json") || strings.HasPrefix(name, ".") {
		return nil
	}
	list := []string{name}
	if query != "" {
		list = []string{name + "_" + strings.NewReplacer("=", "_", "&", "_", "/", "_").Replace(query), name}
	}
	if name == "info.xml" {
		list = append(list, "info") // the same page under its other name
	}
	return list
}

// rename puts the wanted serial in the place of the recorded one.
func (f *Folder) rename(body []byte) []byte {
	if f.identity.Serial == f.serial {
		return body
	}
	return bytes.ReplaceAll(body, []byte(f.serial), []byte(f.identity.Serial))
}

// log is what stands beside an answer.
type log struct {
	Code    int               `json:"code"`
	Headers map[string]string `json:"headers"`
}

// readLog adds the recorded status and headers. A missing or unreadable log is
// a plain 200.
func (f *Folder) readLog(name string, page *site.Page) {
	data, err := readAll(f.dir, name+"_log.json")
	if err != nil {
		return
	}
	var l log
	if json.Unmarshal(data, &l) != nil {
		return
	}
	page.Status = l.Code
	for name, value := range l.Headers {
		if name = http.CanonicalHeaderKey(name); replayed(name) {
			page.Header[name] = []string{value}
		}
	}
}

// replayed says whether a header belongs to the answer and not to the
// connection it came by.
func replayed(name string) bool {
	switch name {
	case "Content-Length", "Content-Encoding", "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return false
	}
	return true
}

// readAll reads a file that is a regular one.
func readAll(root *os.Root, name string) ([]byte, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("not a file")}
	}
	return fs.ReadFile(root.FS(), name)
}

// missing is the body of a path that was not recorded.
const missing = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n" +
	"<center><h1>404 Not Found</h1></center>\r\n<hr><center>openresty/1.17.8.1</center>\r\n</body>\r\n</html>\r\n"
