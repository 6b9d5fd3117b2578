/* default_model.h - the small trained model that is part of the program (models/README.md): the bytes of a GGUF file. */
#ifndef VL2_FORMAT_DEFAULT_MODEL_H
#define VL2_FORMAT_DEFAULT_MODEL_H

/* What stands for it where the path of a model is expected. */
#define DEFAULT_MODEL_PATH "vl2:default"

extern const unsigned char default_model_begin[], default_model_end[];

#endif
