package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strings"
	"time"
)

var model = regexp.MustCompile(`(?m)^model name\s*:\s*(.*)$`)

// machine tells what it was measured on, and when.
func machine() string {
	cpu := runtime.GOARCH
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := model.FindSubmatch(b); found != nil {
			cpu = strings.Join(strings.Fields(string(found[1])), " ")
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease") // without it the line is shorter
	return fmt.Sprintf("%d × %s, Linux %s, %s, %s", runtime.NumCPU(), cpu, strings.TrimSpace(string(kernel)), runtime.Version(), time.Now().Format(time.DateOnly))
}
