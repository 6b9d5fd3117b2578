/* default_model.S - the model that answers when none is named, models/default.gguf, in the program itself; default_model.h. */
    .section .rodata
    .balign 64
    .globl default_model_begin
    .hidden default_model_begin
default_model_begin:
    .incbin "models/default.gguf"
    .globl default_model_end
    .hidden default_model_end
default_model_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
