// Answers everything. PORT says where.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprintln(answer, "hello")
	})
	panic(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
