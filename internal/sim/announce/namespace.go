package announce

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// ownNamespace reports whether this process has another network than the
// machine's: than process 1 or, where that may not be looked at, than the
// oldest ancestor that may. When in doubt it is the machine's own.
func ownNamespace() bool {
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return false
	}
	oldest := ours
	for pid := os.Getppid(); pid > 0; pid = parentOf(pid) {
		if ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil {
			oldest = ns
		}
	}
	return oldest != ours
}

// parentOf returns the parent of a process, 0 when there is none to see.
func parentOf(pid int) int {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may contain anything; state and parent follow.
	rest := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	words := strings.Fields(rest)
	if len(words) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(words[1])
	if err != nil {
		return 0
	}
	return parent
}
