package web_test

import (
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestPageFilesHaveTheirTypes(t *testing.T) {
	v := newHouse(nil).visitor(t)
	types := map[string]string{"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
	for name, content := range pageFiles(t) {
		path := "/static/" + name
		if name == "index.html" {
			path = "/"
		}
		answer, body := v.get(path)
		want := types[name[strings.LastIndex(name, ".")+1:]]
		if got := answer.Header.Get("Content-Type"); answer.StatusCode != http.StatusOK || !strings.HasPrefix(got, want) || want == "" {
			t.Errorf("%s: %d %s, want %s", path, answer.StatusCode, got, want)
		}
		if body != content {
			t.Errorf("%s is not the file", path)
		}
		if answer.Header.Get("ETag") == "" || answer.Header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: ETag %q, Cache-Control %q: an upgrade would not show", path, answer.Header.Get("ETag"), answer.Header.Get("Cache-Control"))
		}
	}
}

func TestThereIsNothingElse(t *testing.T) {
	v := newHouse(nil).visitor(t)
	for _, path := range []string{"/static", "/static/", "/static/../web.go", "/static/%2e%2e/web.go", "/index.html", "/favicon.ico", "/debug/pprof/", "/api/v1/", "/control/token"} {
		if answer, _ := v.get(path); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
}

// The policy forbids it too; this says so before a browser has to.
func TestPageHasNoInlineCodeAndNoForeignHost(t *testing.T) {
	inline := regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`)
	foreign := regexp.MustCompile(`https?://[^\s'"<)]+`)
	for name, content := range pageFiles(t) {
		if found := inline.FindString(content); found != "" {
			t.Errorf("%s has %q", name, found)
		}
		for _, url := range foreign.FindAllString(content, -1) {
			if url != "http://www.w3.org/2000/svg" {
				t.Errorf("%s names %s", name, url)
			}
		}
	}
}

// pageFiles returns the page's files by name.
func pageFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	dir := os.DirFS("static")
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := fs.ReadFile(dir, entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(content)
	}
	return files
}
