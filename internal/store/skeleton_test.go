package store

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func FuzzSplitJoinsAgain(f *testing.F) {
	for _, text := range []string{
		`{"a":1,"b":-0.5,"c":"122333444555","t":"2026-06-21T10:00:00Z","u":"2026-06-21T10:00:00.25Z"}`,
		`{"a":-0,"b":1e9,"c":00012,"d":1.2345,"e":123456789012345678}`,
		`["\"2026-06-21T10:00:00Z","2026-06-21T10:00:00+02:00","`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.ContainsAny(string(text), "\x01\x02\x03\x04\x05") { // never in JSON
			return
		}
		skel, nums := split(text, nil, nil)
		if got := join(nil, skel, nums); string(got) != string(text) {
			t.Errorf("got %q of %q", got, text)
		}
	})
}

func FuzzDictionarySurvivesAnything(f *testing.F) {
	var d dictionary
	f.Add(d.encode(nil, "a", []byte(`{"a":1}`)), d.encode(nil, "a", []byte(`{"a":2}`)))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var d dictionary
		for _, payload := range [][]byte{one, two} {
			if _, err := d.decode(payload, false); err != nil {
				return
			}
		}
		for i := range d.shapes {
			_, _ = d.last(i)
		}
	})
}

func FuzzFramesAndEntries(f *testing.F) {
	framed, _ := appendFrame(nil, 7, frameCursor, cursorPayload("influx", 9))
	f.Add(framed)
	f.Add(appendEntry(nil, newSegment(1, 2), headerSize, framed))
	f.Add(newSegment(1, 2).header())
	f.Fuzz(func(t *testing.T, b []byte) {
		if fr, ok := readFrame(b, 7); ok {
			_, _, _ = parseCursor(fr.payload)
		}
		var j journal
		j.begin(1, nil)
		j.replay(parseEntries(b))
		_, _ = parseHeader(b)
		_, _ = decodeBucket(b)
		_ = eachReport(b, nil)
	})
}

func TestDictionaryForgetsTogether(t *testing.T) {
	var writer, reader dictionary
	for i := range 3 * maxShapes {
		text, err := json.Marshal(map[string]int{strings.Repeat("k", i%(maxShapes+9)+1): i})
		if err != nil {
			t.Fatal(err)
		}
		got, err := reader.decode(writer.encode(nil, "s", text), i%3 == 0)
		if err != nil || i%3 != 0 && string(got) != string(text) {
			t.Fatalf("got %s, %v, want %s", got, err, text)
		}
	}
}

func TestMigrationsRunForwardOnce(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // of the test
	steps := []string{"CREATE TABLE a (n)", "ALTER TABLE a ADD COLUMN m DEFAULT 5; INSERT INTO a (n) VALUES (1)"}
	for _, upTo := range []int{0, 1, 2, 2} {
		if err := migrate(db, steps[:upTo]); err != nil {
			t.Fatal(err)
		}
	}
	var n, m, version int
	if err := db.QueryRow("SELECT n, m FROM a").Scan(&n, &m); err != nil || n != 1 || m != 5 {
		t.Errorf("%d %d %v", n, m, err)
	}
	if err := migrate(db, append(steps, "CREATE TABLE b (n); nonsense")); err == nil {
		t.Error("a failing step passed")
	}
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 2 {
		t.Errorf("version %d, %v: a failed step must leave nothing", version, err)
	}
	if _, err := db.Exec("SELECT * FROM b"); err == nil {
		t.Error("half a migration was kept")
	}
}
