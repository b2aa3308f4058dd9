package app

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Nobody else knows a zone called Local.
func TestTheZoneOfThisComputerHasItsName(t *testing.T) {
	vienna, err := time.LoadLocation("Europe/Vienna")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := func(name, target string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	paris := link("paris", "/usr/share/zoneinfo/Europe/Paris")
	for name, tt := range map[string]struct {
		zone          *time.Location
		tz, localtime string
		want          string
	}{
		"the gateway's own":        {vienna, "Europe/Rome", paris, "Europe/Vienna"},
		"the variable":             {time.Local, "Europe/Rome", paris, "Europe/Rome"},
		"the variable, as POSIX":   {time.Local, ":Europe/Rome", paris, "Europe/Rome"},
		"the link":                 {time.Local, "", paris, "Europe/Paris"},
		"a relative link":          {time.Local, "", link("relative", "../usr/share/zoneinfo/Asia/Tokyo"), "Asia/Tokyo"},
		"a variable with a rule":   {time.Local, "CET-1CEST", paris, ""},
		"a link to somewhere else": {time.Local, "", link("else", "/etc/zone"), ""},
		"neither":                  {time.Local, "", filepath.Join(dir, "missing"), ""},
		"not known yet":            {nil, "", paris, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := zoneName(tt.zone, tt.tz, tt.localtime); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
